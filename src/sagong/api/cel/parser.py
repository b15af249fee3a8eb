"""Text to syntax, macros expanded. Grammar: the CEL specification; messages: those of upstream's parser."""

from __future__ import annotations

from collections.abc import Callable

from sagong.api.cel import lexer, macros
from sagong.api.cel.errors import CompileError, Issue
from sagong.api.cel.lexer import LiteralError, Token
from sagong.api.cel.syntax import Call, Entry, Ident, ListNode, Literal, MapNode, Node, Select, StructNode

_MOST_CODE_POINTS = 100_000
_DEEPEST = 250
_PRIMARY = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
_BINARY = {  # operator: (binds how tight, function)
    "==": (1, "_==_"), "!=": (1, "_!=_"), "<": (1, "_<_"), "<=": (1, "_<=_"), ">": (1, "_>_"), ">=": (1, "_>=_"), "in": (1, "@in"),
    "+": (2, "_+_"), "-": (2, "_-_"), "*": (3, "_*_"), "/": (3, "_/_"), "%": (3, "_%_"),
}  # fmt: skip
_CONSTANTS = {"true": True, "false": False, "null": None}
_NUMBERS = ("NUM_INT", "NUM_FLOAT", "NUM_UINT")
_RESERVED = frozenset(
    ["as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop", "package"]
) | {"namespace", "null", "return", "true", "var", "void", "while"}


def parse(source: str) -> Node:
    """Parse one expression. Raises CompileError."""
    if len(source) > _MOST_CODE_POINTS:
        raise CompileError(source, [Issue(0, f"expression code point size exceeds limit: size: {len(source)}, limit {_MOST_CODE_POINTS}")])
    tokens, issues = lexer.tokens(source)
    parser = _Parser(tokens, issues)
    node: Node | None = None
    try:
        node = parser.whole()
    except _Stop as stop:
        issues.append(stop.issue)
    except RecursionError:
        issues.append(Issue(0, f"expression recursion limit exceeded: {_DEEPEST}"))
    if issues or node is None:
        raise CompileError(source, issues)
    return node


class _Stop(Exception):  # noqa: N818 - it carries the first fault, after which nothing is certain
    def __init__(self, issue: Issue) -> None:
        self.issue = issue


class _Parser:
    def __init__(self, tokens: list[Token], issues: list[Issue]) -> None:
        self._tokens = tokens
        self._issues = issues
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression()
        if self._next.kind != "<EOF>":
            self._unexpected("<EOF>")
        return node

    # tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _accept(self, kind: str) -> Token | None:
        return self._take() if self._next.kind == kind else None

    def _expect(self, kind: str) -> Token:
        if self._next.kind != kind:
            if self._next.kind == "<EOF>" and kind in (")", "]", "}", ":"):
                raise _Stop(Issue(self._next.offset, f"Syntax error: missing '{kind}' at '<EOF>'"))
            self._unexpected(kind if kind.isupper() else f"'{kind}'")
        return self._take()

    def _unexpected(self, expected: str) -> None:
        token = self._next
        after = self._tokens[self._at + 1].kind if token.kind != "<EOF>" else ""
        word = "extraneous" if after and after == expected.strip("'") else "mismatched"
        raise _Stop(Issue(token.offset, f"Syntax error: {word} input '{token.text}' expecting {expected}"))

    def _failed(self, offset: int, message: str) -> Node:
        self._issues.append(Issue(offset, message))
        return Literal(offset, None)

    # expressions, loosest first

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Stop(Issue(0, f"expression recursion limit exceeded: {_DEEPEST}"))
        node = self._chain("||", "_||_", self._conjunction)
        mark = self._accept("?")
        if mark:
            yes = self._chain("||", "_||_", self._conjunction)
            self._expect(":")
            node = Call(mark.offset, "_?_:_", None, [node, yes, self._expression()])
        self._depth -= 1
        return node

    def _conjunction(self) -> Node:
        return self._chain("&&", "_&&_", self._relation)

    def _relation(self) -> Node:
        return self._binary(1)

    def _chain(self, operator: str, function: str, term: Callable[[], Node]) -> Node:
        terms, offsets = [term()], []
        while self._next.kind == operator:
            offsets.append(self._take().offset)
            terms.append(term())
        return _balanced(function, terms, offsets)

    def _binary(self, tightest: int) -> Node:
        left, links = self._unary(), 0
        while True:
            binds, function = _BINARY.get(self._next.kind, (0, ""))
            if binds < tightest or not binds:
                return left
            offset = self._take().offset
            left = Call(offset, function, None, [left, self._binary(binds + 1)])
            links += 1
            if links > _DEEPEST:
                raise _Stop(Issue(0, "max recursion depth exceeded"))

    def _unary(self) -> Node:
        token = self._next
        if token.kind not in ("!", "-") or (token.kind == "-" and self._tokens[self._at + 1].kind in ("NUM_INT", "NUM_FLOAT")):
            return self._member()
        count = 0
        while self._next.kind == token.kind:
            self._take()
            count += 1
        node = self._member()
        return node if count % 2 == 0 else Call(token.offset, "!_" if token.kind == "!" else "-_", None, [node])

    def _member(self) -> Node:
        node, links = self._primary(), 0
        while self._next.kind in (".", "["):
            links += 1
            if links > _DEEPEST:
                raise _Stop(Issue(0, "max recursion depth exceeded"))
            node = self._dotted(node) if self._next.kind == "." else self._index(node)
        return node

    def _dotted(self, operand: Node) -> Node:
        dot = self._take()
        optional = self._accept("?")
        if self._next.kind not in ("IDENTIFIER", "ESC_IDENTIFIER"):
            token = self._next
            if token.kind in ("true", "false", "null"):
                raise _Stop(Issue(token.offset, f"Syntax error: mismatched input '{token.text}' expecting IDENTIFIER"))
            raise _Stop(Issue(token.offset, f"Syntax error: no viable alternative at input '.{token.text}'"))
        name = self._take()
        field = name.text.strip("`")
        if optional:
            return Call(dot.offset, "_?._", None, [operand, Literal(name.offset, field)])
        opening = self._accept("(") if name.kind == "IDENTIFIER" else None
        return self._call(opening, field, operand) if opening else Select(dot.offset, operand, field)

    def _index(self, operand: Node) -> Node:
        bracket = self._take()
        function = "_[?_]" if self._accept("?") else "_[_]"
        index = self._expression()
        self._expect("]")
        return Call(bracket.offset, function, None, [operand, index])

    def _call(self, opening: Token, function: str, target: Node | None) -> Node:
        arguments: list[Node] = []
        if self._next.kind != ")":
            arguments.append(self._expression())
            while self._accept(","):
                arguments.append(self._expression())
        self._expect(")")
        try:
            expanded = macros.expand(function, opening.offset, target, arguments)
        except macros.MacroError as error:
            return self._failed(error.offset, error.message)
        return expanded or Call(opening.offset, function, target, arguments)

    # primaries

    def _primary(self) -> Node:
        token = self._next
        if token.kind in _NUMBERS or token.kind == "-":
            return self._number()
        if token.kind in _CONSTANTS:
            return Literal(self._take().offset, _CONSTANTS[token.kind])
        starts: dict[str, Callable[[], Node]] = {
            "STRING": self._text,
            "BYTES": self._text,
            "(": self._nested,
            "[": self._list,
            "{": self._map,
            "IDENTIFIER": self._name,
            ".": self._name,
        }
        rule = starts.get(token.kind)
        if rule:
            return rule()
        word = "mismatched" if token.kind == "<EOF>" or self._at else "extraneous"
        raise _Stop(Issue(token.offset, f"Syntax error: {word} input '{token.text}' expecting {_PRIMARY}"))

    def _text(self) -> Node:
        token = self._take()
        try:
            return Literal(token.offset, lexer.string(token.text) if token.kind == "STRING" else lexer.byte_string(token.text))
        except LiteralError as error:
            return self._failed(token.offset, str(error))

    def _nested(self) -> Node:
        self._take()
        node = self._expression()
        self._expect(")")
        return node

    def _number(self) -> Node:
        sign = self._accept("-")
        if self._next.kind not in _NUMBERS:
            raise _Stop(Issue(self._next.offset, f"Syntax error: no viable alternative at input '-{self._next.text}'"))
        token = self._take()
        offset = sign.offset if sign else token.offset
        try:
            return Literal(offset, lexer.number(token.kind, ("-" if sign else "") + token.text))
        except LiteralError as error:
            return self._failed(offset, str(error))

    def _list(self) -> Node:
        bracket = self._take()
        elements: list[Node] = []
        optional: set[int] = set()
        while self._next.kind != "]":
            if self._accept("?"):
                optional.add(len(elements))
            elements.append(self._expression())
            if not self._accept(","):
                break
        self._expect("]")
        return ListNode(bracket.offset, elements, frozenset(optional))

    def _map(self) -> Node:
        brace = self._take()
        entries: list[Entry] = []
        while self._next.kind != "}":
            optional = self._accept("?") is not None
            key = self._expression()
            colon = self._expect(":")
            entries.append(Entry(colon.offset, key, self._expression(), optional))
            if not self._accept(","):
                break
        self._expect("}")
        return MapNode(brace.offset, entries)

    def _name(self) -> Node:
        dot = self._accept(".")
        token = self._expect("IDENTIFIER")
        name = ("." if dot else "") + token.text
        struct = self._struct_name()
        if struct is not None:
            return self._struct(name + struct)
        if token.text in _RESERVED:
            opening = self._accept("(")
            if opening:
                self._call(opening, name, None)
            return self._failed(token.offset, f"reserved identifier: {token.text}")
        opening = self._accept("(")
        return self._call(opening, name, None) if opening else Ident(token.offset, name)

    def _struct_name(self) -> str | None:
        """Look ahead for `.b.c{`: take it up to the brace and return `.b.c`, or take nothing."""
        at, rest = self._at, ""
        while self._tokens[at].kind == "." and self._tokens[at + 1].kind == "IDENTIFIER":
            rest += "." + self._tokens[at + 1].text
            at += 2
        if self._tokens[at].kind != "{":
            return None
        self._at = at
        return rest

    def _struct(self, name: str) -> Node:
        brace = self._take()
        fields: list[Entry] = []
        while self._next.kind != "}":
            optional = self._accept("?") is not None
            field = self._take() if self._next.kind == "ESC_IDENTIFIER" else self._expect("IDENTIFIER")
            colon = self._expect(":")
            fields.append(Entry(colon.offset, field.text.strip("`"), self._expression(), optional))
            if not self._accept(","):
                break
        self._expect("}")
        return StructNode(brace.offset, name, fields)


def _balanced(function: str, terms: list[Node], offsets: list[int]) -> Node:
    """Fold into a tree that is no deeper than needed, so that a hundred conditions do not nest a hundred deep."""
    if len(terms) == 1:
        return terms[0]
    middle = (len(offsets)) // 2
    left = _balanced(function, terms[: middle + 1], offsets[:middle])
    right = _balanced(function, terms[middle + 1 :], offsets[middle + 1 :])
    return Call(offsets[middle], function, None, [left, right])
