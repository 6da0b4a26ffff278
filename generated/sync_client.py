"""The synchronous client of the SDK, made from the asynchronous one.

The asynchronous client is written by hand. Two things in it are filled in: the method ``x_and_download`` takes the
arguments of ``x``, and the docstring of a submit lists the values that a field may have.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from octopusx_video_openapi import Contract, Operation, task_ids

NAMES = {"__aenter__": "__enter__", "__aexit__": "__exit__", "async_driver": "sync_driver"}
"""What names are in the synchronous client, apart from those that begin with ``Async``, which lose it."""
PHRASES = {
    "The asynchronous client: the same calls as the synchronous one, awaited.": "The synchronous client.",
    "an asynchronous context manager": "a context manager",
    "between the tasks of\n    one event loop": "between threads",
}
"""What docstrings say in the synchronous client. Each has to be in the asynchronous one."""
HEADER = "# Generated from _async_client.py by `nox -s generate`: change that file, and not this one.\n"
COMPANION = "_and_download"
_LAST_SHARED = "extra"
"""The last argument that a submit and its companion have in common; the companion's own come after it."""


class ClientError(Exception):
    """The asynchronous client is not written as it has to be. The text says what to do.

    Attributes:
        line: Where in its file; None where that is no certain line.
    """

    def __init__(self, line: int | None, text: str) -> None:
        super().__init__(text)
        self.line = line


def asynchronous(text: str, contract: Contract) -> str:
    """The asynchronous client with all that follows from its methods and the contract filled in.

    Raises:
        ClientError: Something that is needed is missing.
    """
    lines = list(io.StringIO(text))  # `splitlines` takes more for the end of a line than Python does
    for operation in contract.submits.values():
        method = _submits(text, operation)
        _take_all(method, operation)
        _list_values(lines, method, operation)
    text = "".join(lines)
    methods = {method.name: method for method in _methods(text)}
    # From the end, so that the lines of those that are still to come stay where they are.
    for name in sorted(methods, key=lambda one: methods[one].lineno, reverse=True):
        submit = methods.get(name.removesuffix(COMPANION))
        if submit is not None and submit is not methods[name]:
            lines[_shared(methods[name])] = lines[_shared(submit)]
    return "".join(lines)


def _methods(text: str) -> Iterator[ast.AsyncFunctionDef]:
    """The asynchronous methods of a module, each named with its class: ``Videos.extend``."""
    try:
        module = ast.parse(text)
    except SyntaxError as error:
        raise ClientError(error.lineno, error.msg) from None
    for kind in module.body:
        for method in kind.body if isinstance(kind, ast.ClassDef) else ():
            if isinstance(kind, ast.ClassDef) and isinstance(method, ast.AsyncFunctionDef):
                method.name = f"{kind.name}.{method.name}"
                yield method


def _submits(text: str, operation: Operation) -> ast.AsyncFunctionDef:
    """The method that sends a submit."""
    for method in _methods(text):
        named = any(isinstance(node, ast.Constant) and node.value == operation.id for node in ast.walk(method))
        if named and not method.name.endswith(COMPANION):
            return method
    here = f"{operation.contract.path.name}:{operation.line}"
    raise ClientError(1, f"no method sends {operation.id} ({here}); add one, and name the operation in it")


def _take_all(method: ast.AsyncFunctionDef, operation: Operation) -> None:
    """Require that a method takes each field of its submit and no other, and says in its docstring what it is."""
    names = [argument.arg for argument in method.args.kwonlyargs]
    names = names[: names.index(_LAST_SHARED)] if _LAST_SHARED in names else names
    described = re.findall(r"^ +(\w+): .", ast.get_docstring(method) or "", re.MULTILINE)
    source = next(iter(task_ids.places(operation)), None)
    schema = operation.body_schema
    defined = f"{operation.contract.path.name}:{operation.line}"
    if source is None or schema is None or not schema.reference:
        needs = "a source task (TaskId) and a body whose schema is a $ref; no method of the SDK can send it otherwise"
        raise ClientError(method.lineno, f"{method.name}: {operation.id} ({defined}) needs {needs}")
    for parameter in operation.parameters:
        if (parameter.place, parameter.name) != source[:2]:
            what = f"the {parameter.place} parameter `{parameter.name}` of {operation.id} ({defined})"
            text = f"{method.name} does not send {what}; the SDK sends only the source and a body, so adapt it first"
            raise ClientError(method.lineno, text)
    for name in schema.properties:
        here = operation.contract.line("components", "schemas", schema.reference, "properties", name)
        what = f"the field `{name}` of {operation.id} ({operation.contract.path.name}:{here})"
        if source[:2] != ("body", name) and name not in names:
            taken = any(argument.arg == name for argument in ast.walk(method.args) if isinstance(argument, ast.arg))
            advice = "rename the argument that has its name, and add one" if taken else "add the argument"
            raise ClientError(method.lineno, f"{method.name} does not take {what}; {advice}, with an entry under Args")
        if name in names and name not in described:
            text = f"the docstring of {method.name} has no `{name}:` under Args; describe {what}"
            raise ClientError(method.lineno, text)
    for name in names:
        if name not in schema.properties:
            text = f"{method.name} takes `{name}`, which is no field of {operation.id} ({defined}); remove or rename it"
            raise ClientError(method.lineno, text)


def _shared(method: ast.AsyncFunctionDef) -> slice:
    """The lines of the keyword arguments up to the one that a submit and its companion share last."""
    for name, default in zip(method.args.kwonlyargs, method.args.kw_defaults, strict=True):
        if name.arg == _LAST_SHARED and default is not None and default.end_lineno is not None:
            return slice(method.args.kwonlyargs[0].lineno - 1, default.end_lineno)
    raise ClientError(method.lineno, f"{method.name} has no keyword argument `{_LAST_SHARED}`; add it")


def _list_values(lines: list[str], method: ast.AsyncFunctionDef, operation: Operation) -> None:
    """List, in the docstring of a method, the values of each field with a closed list."""
    schema, docstring = operation.body_schema, method.body[0]
    if schema is None:
        return
    for name, field in schema.properties.items():
        if not field.enum:
            continue
        known = [str(value) for value in field.enum]
        for number in range(docstring.lineno - 1, docstring.end_lineno or docstring.lineno):
            line = lines[number]
            found = [one for one in _LIST.finditer(line) if {*re.split(", | or ", one[0].replace("`", ""))} & {*known}]
            if line.lstrip().startswith(f"{name}: ") and found:
                quote = found[0]["quote"] or ""
                quoted = [f"{quote}{value}{quote}" for value in known]
                lines[number] = f"{line[: found[0].start()]}{_listed(quoted)}{line[found[0].end() :]}"
                break
        else:
            text = f"has no entry `{name}:` under Args that lists its values; write one: {name}: {_listed(known)}"
            raise ClientError(method.lineno, f"the docstring of {method.name} {text}")


_QUOTED, _BARE = r"(?P=quote)[^`]+(?P=quote)", r"\w+(?:\.\w+)*"
_LIST = re.compile(
    rf"(?P<quote>`+)[^`]+(?P=quote)(?:, {_QUOTED})*(?: or {_QUOTED})?|\b{_BARE}(?:, {_BARE})*(?: or {_BARE})?"
)


def _listed(values: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(values[:-1]), values[-1])))


def synchronous(text: str) -> str:
    """The synchronous client that an asynchronous one gives, not formatted yet.

    Raises:
        ClientError: A phrase that docstrings have to say otherwise is not there, or what is made is no Python.
    """
    for phrase, other in PHRASES.items():
        if phrase not in text:
            raise ClientError(None, f"the text {phrase!r} is not there; adapt PHRASES in generated/sync_client.py")
        text = text.replace(phrase, other)
    starts = [0]
    for line in io.StringIO(text):
        starts.append(starts[-1] + len(line))
    made, position = [HEADER], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        start, end = starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1]
        made.append(text[position:start])
        position = end
        if token.type == tokenize.NAME and token.string in {"async", "await"}:
            position += 1  # with the space behind it
        else:
            made.append(NAMES.get(token.string) or re.sub(r"\bAsync(?=[A-Z])", "", text[start:end]))
    result = "".join(made)
    try:
        compile(result, "_client.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ClientError(None, f"line {error.lineno} of the synchronous client is no Python: {error.msg}") from None
    return result
