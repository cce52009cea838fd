"""`tf.io.gfile`: `tf.gfile` by its later names."""

from npslim.tf import gfile
from npslim.tf.gfile import GFile
from npslim.tf.missing import reporter


def copy(src, dst, overwrite=False):
    """See `tf.gfile.Copy`."""
    gfile.Copy(src, dst, overwrite)


def exists(path):
    """See `tf.gfile.Exists`."""
    return gfile.Exists(path)


def glob(pattern):
    """See `tf.gfile.Glob`."""
    return gfile.Glob(pattern)


def isdir(path):
    """See `tf.gfile.IsDirectory`."""
    return gfile.IsDirectory(path)


def listdir(path):
    """See `tf.gfile.ListDirectory`."""
    return gfile.ListDirectory(path)


def makedirs(path):
    """See `tf.gfile.MakeDirs`."""
    gfile.MakeDirs(path)


def mkdir(path):
    """See `tf.gfile.MkDir`."""
    gfile.MkDir(path)


def remove(path):
    """See `tf.gfile.Remove`."""
    gfile.Remove(path)


def rename(src, dst, overwrite=False):
    """See `tf.gfile.Rename`."""
    gfile.Rename(src, dst, overwrite)


def rmtree(path):
    """See `tf.gfile.DeleteRecursively`."""
    gfile.DeleteRecursively(path)


def stat(path):
    """See `tf.gfile.Stat`."""
    return gfile.Stat(path)


def walk(top, topdown=True, onerror=None):
    """See `tf.gfile.Walk`."""
    return gfile.Walk(top, topdown)


__getattr__ = reporter(__name__, lambda: globals())
