"""`tf.contrib.training.HParams`: named settings with types, which a text such as "depth=3,rate=0.1" can change."""

import json
import re

from npslim.errors import ArgumentTypeError, InvalidArgumentError

_ASSIGNMENT = re.compile(r"\s*(?P<name>[A-Za-z]\w*)\s*(\[\s*(?P<index>\d+)\s*\])?\s*=\s*"
                         r"((?P<list>\[[^\]]*\])|(?P<value>[^,\[]*))\s*(?:,|$)")  # fmt: skip


class HParams:
    """Settings by name: `HParams(rate=0.1, sizes=[3, 4]).rate`.

    A setting keeps the type it started with: `parse` and `set_hparam` refuse values of another.
    """

    _types: dict

    def __init__(self, hparam_def=None, model_structure=None, **kwargs):
        self.__dict__["_types"] = {}
        self.__dict__["_model_structure"] = model_structure
        for name, value in kwargs.items():
            self.add_hparam(name, value)

    def add_hparam(self, name, value):
        """Add a setting. Raises ValueError for a name that is taken, or an empty list, whose type is not known."""
        if getattr(self, name, None) is not None:
            raise InvalidArgumentError(f"Hyperparameter name is reserved: {name}.", got=name)
        if isinstance(value, list | tuple):
            if not value:
                raise InvalidArgumentError(f"Multi-valued hyperparameters cannot be empty: {name}.", got=value)
            self._types[name] = (type(value[0]), True)
        else:
            self._types[name] = (type(value), False)
        self.__dict__[name] = value

    def _typed(self, name, value, kind):
        """`value` as `kind`, if that loses nothing. Raises ValueError."""
        if kind is type(None) or value is None or type(value) is kind:
            return value
        try:
            if kind is bool and isinstance(value, str):
                return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
            if kind is int and isinstance(value, str | float) and float(value) == int(float(value)):
                return int(float(value)) if not isinstance(value, float) else _refuse(name, value, kind)
            if kind is float and isinstance(value, str | int) and not isinstance(value, bool):
                return float(value)
            if kind is str and isinstance(value, str):
                return value
        except (KeyError, ValueError):
            pass
        return _refuse(name, value, kind)

    def set_hparam(self, name, value):
        """Set a setting that is there. Raises KeyError for another name, ValueError for another type."""
        kind, is_list = self._types[name]
        if isinstance(value, list | tuple) != is_list:
            expected = "a list" if is_list else "one value"
            raise InvalidArgumentError(f"Hyperparameter {name} is of another kind.", expected=expected, got=value)
        self.__dict__[name] = [self._typed(name, v, kind) for v in value] if is_list else self._typed(name, value, kind)

    def __setattr__(self, name, value):
        if name not in self._types:
            raise AttributeError(f"There is no hyperparameter {name}; add_hparam adds one.")
        self.__dict__[name] = value

    def del_hparam(self, name):
        """Remove a setting; nothing if there is none."""
        if name in self._types:
            del self._types[name], self.__dict__[name]

    def parse(self, values):
        """Set settings from a text "name=value,list=[1,2],list[0]=3". Returns self. Raises ValueError."""
        place = 0
        while place < len(values):
            found = _ASSIGNMENT.match(values, place)
            if found is None:
                raise InvalidArgumentError("Malformed hyperparameter value.", expected="name=value", got=values[place:])
            name = found["name"]
            if name not in self._types:
                raise InvalidArgumentError(
                    f"Unknown hyperparameter: {name}.", expected=", ".join(sorted(self._types)), got=name
                )
            if found["list"] is not None:
                self.set_hparam(name, [v.strip() for v in found["list"][1:-1].split(",") if v.strip()])
            elif found["index"] is not None:
                changed = list(getattr(self, name))
                changed[int(found["index"])] = found["value"].strip()
                self.set_hparam(name, changed)
            else:
                text = found["value"].strip()
                self.set_hparam(name, [text] if self._types[name][1] else text)
            place = found.end()
        return self

    def override_from_dict(self, values_dict):
        """Set settings from a dictionary. Returns self."""
        for name, value in values_dict.items():
            self.set_hparam(name, value)
        return self

    def values(self):
        """{name: value} of all settings."""
        return {name: self.__dict__[name] for name in self._types}

    def get(self, key, default=None):
        """A setting, or `default` if there is none. Raises ValueError if `default` is of another kind."""
        if key not in self._types:
            return default
        kind, is_list = self._types[key]
        if default is not None and (isinstance(default, list) != is_list or not (is_list or isinstance(default, kind))):
            raise InvalidArgumentError(f"Hyperparameter {key} is of another type than the default.", got=default)
        return self.__dict__[key]

    def __contains__(self, key):
        return key in self._types

    def to_json(self, indent=None, separators=None, sort_keys=False):
        """The settings as JSON."""
        return json.dumps(self.values(), indent=indent, separators=separators, sort_keys=sort_keys)

    def parse_json(self, values_json):
        """Set settings from JSON. Returns self."""
        return self.override_from_dict(json.loads(values_json))

    def __repr__(self):
        return f"HParams({', '.join(f'{k}={v!r}' for k, v in sorted(self.values().items()))})"

    __str__ = __repr__


def _refuse(name, value, kind):
    raise ArgumentTypeError(
        f"Could not parse hyperparameter {name}.", expected=kind.__name__, got=f"{value!r}, {type(value).__name__}"
    )
