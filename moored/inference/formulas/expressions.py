"""What a formula may compute of a column: a closed list of functions, read from the expression's syntax tree.

A formula comes from a study file, which must not run code: nothing is evaluated here, and what is not on the
list is refused.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from moored.errors import DataInvalid

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

INSTEAD = {
    "offset": "an offset is not fitted: put the term itself among the covariates, as + log(n), whose coefficient "
    "is then estimated; in family ols, subtract it from the outcome",
    "factor": "write C(...) for categories",
    "ordered": "write C(...) for categories",
    "ln": "write log(...), which is the natural one",
    "ns": "write cr(..., df=4, constraints='center') for a natural cubic spline",
    "s": "write bs(..., df=4) for a smooth curve",
    "pow": "write I(x**2) for a square",
    "lag": "rows of a table of units have no order; add the earlier value as a column",
    "hashed": "write C(...) for categories",
    "Q": "put a name that is no plain word between backticks, as `my column`",
}

_BACKTICK = re.compile(r"`([^`]*)`")
_NODES = (
    *(ast.Expression, ast.Call, ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.keyword),
    *(ast.List, ast.Tuple, ast.Dict, ast.Load, ast.operator, ast.unaryop, ast.cmpop, ast.Attribute),
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
    quoted: list[str] = []

    def stand_in(found: re.Match[str]) -> str:
        quoted.append(found[1])
        return f"quoted{len(quoted) - 1}_"

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

    def __init__(self, what: str, expression: str, quoted: list[str]) -> None:
        self.what, self.expression, self.quoted = what, expression, quoted
        self.variables: list[str] = []
        self.called: list[str] = []

    def refuse(self, why: str) -> DataInvalid:
        return DataInvalid(f"{self.what}: {_short(self.expression)}: {why}.")

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.BitXor):
            raise self.refuse("^ is no power inside a function; write I(x**2) for a square")
        if not isinstance(node, (*_NODES, ast.BitAnd, ast.BitOr)):
            raise self.refuse("it may hold columns, numbers, + - * / ** and functions of the list alone")
        return super().generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        found = re.fullmatch(r"quoted(\d+)_", node.id)
        name = self.quoted[int(found[1])] if found and int(found[1]) < len(self.quoted) else node.id
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
        if any(keyword.arg is None or keyword.arg.startswith("_") for keyword in node.keywords):
            raise self.refuse(f"{name}() takes its named options alone")
        if name in LEARNING:
            self._refuse_large(node)
        args: list[ast.expr] = [self._argument(arg) for arg in node.args]
        keywords = [ast.keyword(k.arg, self._argument(k.value)) for k in node.keywords]
        return ast.Call(ast.Name(f"f_{name.replace('.', '_')}", ast.Load()), args, keywords)

    def _argument(self, node: ast.expr) -> ast.expr:
        """Contrasts are given by name, without a call: C(g, Sum)."""
        if isinstance(node, ast.Name) and node.id in CODING[1:] and self.called[-1] == "C":
            return ast.Name(f"f_{node.id}", ast.Load())
        found = self.visit(node)
        assert isinstance(found, ast.expr)
        return found

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
