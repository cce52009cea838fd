"""`tf.nest`: lists, tuples and dictionaries within each other, as one list of leaves and back."""

from npslim.nested import flat, packed
from npslim.tf.missing import reporter


def flatten(structure, expand_composites=False):
    """The leaves, as a list; dictionaries by sorted keys."""
    return flat(structure)


def pack_sequence_as(structure, flat_sequence, expand_composites=False):
    """The leaves in the form of `structure`."""
    return packed(structure, list(flat_sequence))


def is_nested(structure):
    """Whether it is a list, a tuple or a dictionary."""
    return isinstance(structure, list | tuple | dict)


is_sequence = is_nested


def map_structure(func, *structure):
    """`func` of the leaves of structures of one form, in that form."""
    leaves = zip(*(flatten(s) for s in structure), strict=True)
    return pack_sequence_as(structure[0], [func(*parts) for parts in leaves])


def assert_same_structure(nest1, nest2, check_types=True):
    """Raises ValueError unless both have the same form."""
    if len(flatten(nest1)) != len(flatten(nest2)) or is_nested(nest1) != is_nested(nest2):
        raise ValueError(f"The two structures don't have the same nested structure: {nest1} and {nest2}")


__getattr__ = reporter(__name__, lambda: globals())
