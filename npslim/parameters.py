"""What a function takes, read from its code: a fraction of what `inspect.signature` costs, and an import asks often."""

import inspect
import types

REQUIRED = inspect.Parameter.empty  # in place of a default, where there is none


class Parameters:
    """The parameters of a function.

    positional: names; the last `len(defaults)` of them have a default. rest: the name that `*` gives further ones, or
    None. keywords: {name: default or REQUIRED} of those that go by name only. any_keyword: whether it takes others.
    """

    __slots__ = ("positional", "defaults", "rest", "keywords", "any_keyword")

    def __init__(self, positional, defaults, rest, keywords, any_keyword):
        self.positional, self.defaults, self.rest = positional, defaults, rest
        self.keywords, self.any_keyword = keywords, any_keyword

    @classmethod
    def of(cls, function):
        """Those of `function`, as `inspect.signature` has them."""
        if type(function) is not types.FunctionType or function.__dict__:  # it may say `__signature__` or `__wrapped__`
            return cls._of_signature(inspect.signature(function))
        code = function.__code__
        names, n = code.co_varnames, code.co_argcount
        rest, others = bool(code.co_flags & inspect.CO_VARARGS), bool(code.co_flags & inspect.CO_VARKEYWORDS)
        end = n + code.co_kwonlyargcount
        given = function.__kwdefaults__ or {}
        keywords = {name: given.get(name, REQUIRED) for name in names[n:end]}
        return cls(names[:n], function.__defaults__ or (), names[end] if rest else None, keywords, others)

    @classmethod
    def _of_signature(cls, signature):
        found = {kind: [] for kind in type(inspect.Parameter.POSITIONAL_ONLY)}
        for parameter in signature.parameters.values():
            found[parameter.kind].append(parameter)
        only, either, rest, keywords, others = found.values()
        positional = [*only, *either]
        return cls(
            tuple(p.name for p in positional), tuple(p.default for p in positional if p.default is not REQUIRED),
            rest[0].name if rest else None, {p.name: p.default for p in keywords}, bool(others),
        )  # fmt: skip
