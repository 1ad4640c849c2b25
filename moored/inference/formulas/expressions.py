"""What a formula may compute of a column: a closed list of functions, read from the expression's syntax tree.

A formula comes from a study file, which must not run code: nothing is evaluated here, and what is not on the
list is refused.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from moored.errors import DataInvalid
from moored.inference.formulas.wording import INSTEAD

ELEMENTWISE = (
    *(
        "log",
        "log10",
        "log2",
        "log1p",
        "exp",
        "exp2",
        "exp10",
        "expm1",
        "sqrt",
        "abs",
        "sign",
        "floor",
        "ceil",
    ),
    *("sin", "cos", "tan", "tanh", "arcsinh", "minimum", "maximum", "where"),
)
LEARNING = ("bs", "cr", "cs", "cc", "poly", "scale", "center", "standardize")
"""They look at a whole column, and keep what they learn: `matrix.Design` says from which rows."""
CODING = ("C", "Treatment", "Sum", "Helmert", "Diff", "Poly")
CONTRASTS = ("treatment", "sum", "helmert", "diff", "poly", "sas")
FUNCTIONS = ("I", *CODING, *LEARNING, *ELEMENTWISE)
LARGEST_DEGREE = 100

_BACKTICK = re.compile(r"`([^`]*)`")
_NODES = (
    *(ast.Expression, ast.Call, ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.keyword),
    *(ast.List, ast.Tuple, ast.Dict, ast.Load, ast.operator, ast.unaryop, ast.cmpop, ast.Attribute),
)
_UNLISTED = (ast.MatMult, ast.LShift, ast.RShift, ast.Is, ast.IsNot, ast.In, ast.NotIn)
_TOGETHER = (
    "put each comparison between parentheses and join them with & or |, as I((x > 0) & (x < 3)); not is =="
)


@dataclass(frozen=True, slots=True)
class Code:
    """An expression that is on the list.

    Attributes
    ----------
    text : the expression with its variables called v0_, v1_, ... in order and its functions f_NAME: two expressions
        that differ in the names of their columns alone have one text.
    variables : the columns, in that order.
    learns : whether it keeps something of the rows that it was first applied to.
    codes : whether it makes categories.
    """

    text: str
    variables: tuple[str, ...]
    learns: bool = False
    codes: bool = False


def read_expression(what: str, expression: str) -> Code:
    """The expression as Code. Errors: `DataInvalid` for all that is not on the list."""
    quoted: dict[str, str] = {}
    free = "quoted"
    while free in expression:
        free += "_"

    def stand_in(found: re.Match[str]) -> str:
        quoted[f"{free}{len(quoted)}_"] = found[1]
        return f"{free}{len(quoted) - 1}_"

    try:
        tree = ast.parse(_BACKTICK.sub(stand_in, expression), mode="eval")
        reader = _Reader(what, expression, quoted)
        text = ast.unparse(reader.visit(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DataInvalid(
            f"{what}: {_short(expression)} cannot be read; write a column, or a function of one."
        ) from error
    called = set(reader.called)
    return Code(text, tuple(reader.variables), bool(called & set(LEARNING)), bool(called & set(CODING)))


def _short(expression: str) -> str:
    return repr(expression if len(expression) < 80 else expression[:77] + "...")


class _Reader(ast.NodeTransformer):
    """Checks each node, gives variables their numbers and functions their prefix."""

    def __init__(self, what: str, expression: str, quoted: dict[str, str]) -> None:
        self.what, self.expression, self.quoted = what, expression, quoted
        self.variables: list[str] = []
        self.called: list[str] = []

    def refuse(self, why: str) -> DataInvalid:
        return DataInvalid(f"{self.what}: {_short(self.expression)}: {why}.")

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.BitXor):
            raise self.refuse("^ is no power inside a function; write I(x**2) for a square")
        if isinstance(node, ast.BoolOp | ast.Not):
            raise self.refuse(_TOGETHER)
        if isinstance(node, _UNLISTED) or not isinstance(node, (*_NODES, ast.BitAnd, ast.BitOr)):
            raise self.refuse("it may hold columns, numbers, + - * / ** and functions of the list alone")
        return super().generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        name = self.quoted.get(node.id, node.id)
        if name not in self.variables:
            self.variables.append(name)
        return ast.Name(f"v{self.variables.index(name)}_", ast.Load())

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        base = node.value.id if isinstance(node.value, ast.Name) else ""
        if base == "contr" and node.attr in CONTRASTS:
            return ast.Name(f"f_contr_{node.attr}", ast.Load())
        raise self.refuse(f"{ast.unparse(node)} is no column; put a name with a dot between backticks")

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = _name_of(node.func)
        if name not in FUNCTIONS and not name.startswith("contr."):
            instead = INSTEAD.get(name.rpartition(".")[2]) or f"known are {', '.join(FUNCTIONS)}"
            raise self.refuse(f"{name}() is no function of a formula; {instead}")
        self.called.append(name)
        self._refuse_of_r(name, node)
        if any(keyword.arg is None or keyword.arg.startswith("_") for keyword in node.keywords):
            raise self.refuse(f"{name}() takes its named options alone")
        if name in LEARNING:
            self._refuse_large(node)
        args: list[ast.expr] = [self._argument(arg) for arg in node.args]
        keywords = [ast.keyword(k.arg, self._argument(k.value)) for k in node.keywords]
        return ast.Call(ast.Name(f"f_{name.replace('.', '_')}", ast.Load()), args, keywords)

    def _refuse_of_r(self, name: str, node: ast.Call) -> None:
        """Refuse R's ways to give options, where they would mean something else here."""
        given = [*node.args[1:], *(option.value for option in node.keywords)]
        logical = [n.id for n in given if isinstance(n, ast.Name) and n.id in ("TRUE", "FALSE")]
        if logical:
            raise self.refuse(f"write {logical[0].capitalize()} for {logical[0]}")
        if name == "contr.treatment" and any(_is_number(value) for value in (*node.args, *given)):
            raise self.refuse("R counts the levels there; write Treatment(2) for the level called 2")
        if name == "log" and given:
            raise self.refuse(
                "log() is the natural one alone; write log2(...), log10(...) or I(log(x) / log(3))"
            )
        if name == "C" and any(
            isinstance(value, ast.Constant) or _is_treatment(value) for value in node.args[1:]
        ):
            raise self.refuse("write C(g, Treatment('b')) to make b the reference")

    def _argument(self, node: ast.expr) -> ast.expr:
        """Contrasts are given by name, without a call: C(g, Sum)."""
        if isinstance(node, ast.Name) and node.id in CODING[1:] and self.called[-1] == "C":
            return ast.Name(f"f_{node.id}", ast.Load())
        found = self.visit(node)
        assert isinstance(found, ast.expr)
        return found

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        parts = (node.left, *node.comparators)
        if len(node.ops) > 1 or any(_joins(part) for part in parts):
            raise self.refuse(_TOGETHER)
        if any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts):
            raise self.refuse(
                "words cannot be compared; put a column of 1 and 0 into the table, or write C(...)"
            )
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Pow) and not any(isinstance(n, ast.Name) for n in ast.walk(node.left)):
            raise self.refuse("a power of numbers alone is no term; write the number")
        if any(
            isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (node.left, node.right)
        ):
            raise self.refuse("words cannot be computed with")
        return self.generic_visit(node)

    def _refuse_large(self, node: ast.Call) -> None:
        values = [*node.args[1:2], *(k.value for k in node.keywords if k.arg in ("df", "degree"))]
        for value in values:
            given = value.value if isinstance(value, ast.Constant) else 0
            if isinstance(given, int | float) and given > LARGEST_DEGREE:
                raise self.refuse(f"{given} is more than {LARGEST_DEGREE} columns; take fewer")


def _name_of(function: ast.expr) -> str:
    """log of `log` and of `np.log`; what is neither is named as it stands, and refused."""
    name = ast.unparse(function)
    bare = name.removeprefix("np.").removeprefix("numpy.")
    return bare if bare in ELEMENTWISE else name


def _joins(node: ast.expr) -> bool:
    """x > 0 & z > 0 is x > (0 & z) > 0 in Python."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _is_treatment(node: ast.expr) -> bool:
    """Without a level, of which the library makes nothing."""
    return isinstance(node, ast.Name) and node.id == "Treatment"
