"""Command-line flags as old programs define them: `tf.app.flags.DEFINE_integer("steps", 100, "...")`, `FLAGS.steps`.

    --steps=100   --steps 100   -steps=100   --verbose   --noverbose   --   (the rest is no flag)

The command line is read when a flag's value is first asked for, or by `app.run`. What is no flag is the program's.
"""

import difflib
import sys

from npslim.errors import InvalidArgumentError


class FlagsError(InvalidArgumentError):
    """A flag is unknown, defined twice, or its value not one that it takes."""


class DuplicateFlagError(FlagsError):
    """A flag is defined twice."""


class IllegalFlagValueError(FlagsError):
    """A flag's value is not one that it takes."""


class UnrecognizedFlagError(FlagsError):
    """There is no flag of that name."""


class Flag:
    """One flag: `name`, `value`, `default`, `help`, and `parser`, which makes a value of a text."""

    def __init__(self, name, default, help, parser, is_boolean=False, many=False, short_name=None):
        self.name, self.help, self.parser, self.short_name = name, help, parser, short_name
        self.is_boolean, self.many, self.required, self.validators = is_boolean, many, False, []
        self.default = self._of(default) if isinstance(default, str) else default
        self.value, self.present = self.default, 0

    def _of(self, text):
        try:
            return self.parser(text)
        except ValueError as error:
            raise IllegalFlagValueError(
                f"flag --{self.name}={text}: {error}.", expected=self.help, got=repr(text)
            ) from None

    def parse(self, text):
        """Take the value that `text` says; each further one is appended for a flag of many values."""
        value = self._of(text)
        self.value = [*(self.value if self.present else []), *value] if self.many else value
        self.present += 1

    def unparse(self):
        """Back to the default."""
        self.value, self.present = self.default, 0


def _boolean(text):
    if isinstance(text, str) and text.lower() in ("true", "t", "1"):
        return True
    if isinstance(text, str) and text.lower() in ("false", "f", "0"):
        return False
    raise ValueError("not a boolean: true or false is expected")


def _number(kind):
    def parse(text):
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"not {'an integer' if kind is int else 'a number'}") from None

    return parse


def _within(parse, lower_bound, upper_bound):
    def checked(text):
        value = parse(text)
        if (lower_bound is not None and value < lower_bound) or (upper_bound is not None and value > upper_bound):
            raise ValueError(f"not in [{lower_bound}, {upper_bound}]")
        return value

    return checked


class FlagValues:
    """All flags: attributes are their values. Calling it with `argv` reads them, and returns what is no flag.

    `FLAGS["name"]` is the `Flag` itself, `name in FLAGS` whether there is one.
    """

    def __init__(self):
        self.__dict__["_flags"] = {}
        self.__dict__["_is_read"] = False

    def __call__(self, argv, known_only=False):
        """Read `argv`, whose first element is the program. Raises UnrecognizedFlagError unless `known_only`."""
        self.__dict__["_is_read"] = True
        rest, unknown = [], []
        words = list(argv[1:])
        while words:
            word = words.pop(0)
            if word == "--":
                rest += words
                break
            if not word.startswith("-") or word == "-" or word[1:2].isdigit():
                rest.append(word)
                continue
            name, equals, text = word.lstrip("-").partition("=")
            flag, negated = self._named(name)
            if name in ("help", "helpfull", "h") and flag is None:
                print(self.get_help())
                raise SystemExit(0)
            if flag is None:
                unknown.append(name)
                rest.append(word)
            elif flag.is_boolean:
                if negated and equals:
                    raise IllegalFlagValueError(f"flag --{name} takes no value.", got=word)
                flag.parse("false" if negated else text if equals else "true")
            elif equals or words:
                flag.parse(text if equals else words.pop(0))
            else:
                raise IllegalFlagValueError(f"flag --{name} needs a value.", expected=flag.help, got="none")
        if unknown and not known_only:
            near = difflib.get_close_matches(unknown[0], self._flags, 3)
            raise UnrecognizedFlagError(
                f"Unknown command line flag '{unknown[0]}'.", expected=", ".join(sorted(self._flags)), got=unknown[0],
                hint=f"did you mean {' or '.join('--' + n for n in near)}?" if near else None,
            )  # fmt: skip
        self._validate()
        return [argv[0], *rest]

    def _named(self, name):
        flags = self._flags
        if name in flags:
            return flags[name], False
        for flag in flags.values():
            if flag.short_name == name:
                return flag, False
        if name.startswith("no") and name[2:] in flags and flags[name[2:]].is_boolean:
            return flags[name[2:]], True
        return None, False

    def _validate(self):
        for flag in self._flags.values():
            if flag.required and flag.value is None:
                raise IllegalFlagValueError(
                    f"flag --{flag.name}=None: Flag --{flag.name} must have a value other than None."
                )
            for check, message in flag.validators:
                if not check(flag.value):
                    raise IllegalFlagValueError(f"flag --{flag.name}={flag.value}: {message}")

    def __getattr__(self, name):
        if name.startswith("__") and name != "__flags":
            raise AttributeError(name)
        if name == "__flags":  # how old programs listed them
            return {key: flag.value for key, flag in self._flags.items()}
        if name not in self._flags:
            near = difflib.get_close_matches(name, self._flags, 3)
            raise AttributeError(f"There is no flag {name}." + (f" Did you mean {' or '.join(near)}?" if near else ""))
        if not self._is_read:
            self(sys.argv, known_only=True)
        return self._flags[name].value

    def __setattr__(self, name, value):
        if name not in self._flags:
            raise AttributeError(f"There is no flag {name}.")
        self._flags[name].value = value

    def __getitem__(self, name):
        return self._flags[name]

    def __contains__(self, name):
        return name in self._flags

    def __iter__(self):
        return iter(self._flags)

    def __len__(self):
        return len(self._flags)

    def __delattr__(self, name):
        if name not in self._flags:
            raise AttributeError(f"There is no flag {name}.")
        del self._flags[name]

    def __dir__(self):
        return sorted(self._flags)

    def add(self, flag):
        """Add a `Flag`. Raises DuplicateFlagError if there is another of that name."""
        known = self._flags.get(flag.name)
        if known is not None and (known.default, known.help) != (flag.default, flag.help):
            raise DuplicateFlagError(
                f"The flag '{flag.name}' is defined twice.", expected=f"{known.help} (default {known.default!r})",
                got=f"{flag.help} (default {flag.default!r})",
            )  # fmt: skip
        self._flags[flag.name] = flag

    def is_parsed(self):
        """Whether the command line has been read."""
        return self._is_read

    def mark_as_parsed(self):
        """Take the values as they are, without a command line."""
        self.__dict__["_is_read"] = True

    def unparse_flags(self):
        """Back to the defaults, the command line not read."""
        for flag in self._flags.values():
            flag.unparse()
        self.__dict__["_is_read"] = False

    def flag_values_dict(self):
        """{name: value} of all flags."""
        return {name: flag.value for name, flag in self._flags.items()}

    def get_help(self):
        """A line or two for each flag."""
        lines = [f"flags of {sys.argv[0]}:"]
        for name, flag in sorted(self._flags.items()):
            shown = f"--[no]{name}" if flag.is_boolean else f"--{name}"
            lines.append(f"  {shown}: {flag.help}\n    (default: {flag.default!r})")
        return "\n".join(lines)


FLAGS = FlagValues()


def _define(name, default, help, parser, flag_values=None, required=False, **options):
    flag = Flag(name, default, help, parser, short_name=options.pop("short_name", None), **options)
    flag.required = required
    (FLAGS if flag_values is None else flag_values).add(flag)


def DEFINE_string(name, default, help, flag_values=FLAGS, required=False, **args):  # noqa: N802 - TensorFlow's name
    """A flag of any text."""
    _define(name, default, help, str, flag_values, required, **args)


def DEFINE_integer(name, default, help, lower_bound=None, upper_bound=None, flag_values=FLAGS, required=False, **args):  # noqa: N802
    """A flag of an integer, within bounds if given."""
    _define(name, default, help, _within(_number(int), lower_bound, upper_bound), flag_values, required, **args)


def DEFINE_float(name, default, help, lower_bound=None, upper_bound=None, flag_values=FLAGS, required=False, **args):  # noqa: N802
    """A flag of a number, within bounds if given."""
    default = float(default) if isinstance(default, int) else default
    _define(name, default, help, _within(_number(float), lower_bound, upper_bound), flag_values, required, **args)


def DEFINE_boolean(name, default, help, flag_values=FLAGS, module_name=None, required=False, **args):  # noqa: N802
    """A flag that is given or not: --name, --noname, --name=true."""
    _define(name, default, help, _boolean, flag_values, required, is_boolean=True, **args)


DEFINE_bool = DEFINE_boolean


def DEFINE_enum(name, default, enum_values, help, flag_values=FLAGS, module_name=None, required=False, **args):  # noqa: N802
    """A flag of one of `enum_values`."""

    def parse(text):
        if text not in enum_values:
            raise ValueError(f"value should be one of <{'|'.join(enum_values)}>")
        return text

    _define(name, default, help, parse, flag_values, required, **args)


def DEFINE_list(name, default, help, flag_values=FLAGS, required=False, **args):  # noqa: N802
    """A flag of texts with commas between them, as a list."""
    _define(name, default, help, _commas(str), flag_values, required, **args)


def _commas(kind):
    return lambda text: [kind(part.strip()) for part in text.split(",")] if text else []


def _many(kind):
    def define(name, default, help, flag_values=FLAGS, required=False, **args):
        default = [default] if isinstance(default, str | int | float) else default
        _define(name, default, help, lambda text: [kind(text)], flag_values, required, many=True, **args)

    return define


DEFINE_multi_string = _many(str)
DEFINE_multi_integer = _many(_number(int))
DEFINE_multi_float = _many(_number(float))


def mark_flag_as_required(flag_name, flag_values=FLAGS):
    """The program does not run without a value of the flag."""
    flag_values[flag_name].required = True


def mark_flags_as_required(flag_names, flag_values=FLAGS):
    """The program does not run without a value of each of the flags."""
    for name in flag_names:
        mark_flag_as_required(name, flag_values)


def register_validator(flag_name, checker, message="Flag validation failed", flag_values=FLAGS):
    """`checker(value)` must be true when the command line is read."""
    flag_values[flag_name].validators.append((checker, message))


def validator(flag_name, message="Flag validation failed", flag_values=FLAGS):
    """The decorated function is the flag's `register_validator`."""

    def register(function):
        register_validator(flag_name, function, message, flag_values)
        return function

    return register


class BooleanParser:
    """Makes a boolean of a text; `parse("true")`."""

    def parse(self, argument):
        """True or False. Raises ValueError for anything else."""
        return argument if isinstance(argument, bool) else _boolean(str(argument))
