"""`tf.resource_loader`: files that lie beside a program."""

import os
import sys

from npslim.tf.missing import reporter


def get_data_files_path():
    """The folder of the program that asks."""
    return os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))


def get_path_to_datafile(path):
    """The path of a file that lies beside the program that asks."""
    return os.path.join(os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename)), path)


def get_root_dir_with_all_resources():
    """The folder of the program that asks."""
    return os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))


def load_resource(path):
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def readahead_file_path(path, readahead="128M"):
    """The path as it is."""
    return path


__getattr__ = reporter(__name__, lambda: globals())
