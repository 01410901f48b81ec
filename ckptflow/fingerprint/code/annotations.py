"""Pure. Annotations as Python's typing reads them: a string stands for the expression in it."""

from __future__ import annotations

import ast


def unquoted(node: ast.expr) -> ast.expr:
    """Return an annotation with the strings in it replaced by what they say, as far as they parse."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            inner = ast.parse(node.value.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return node
        for child in ast.walk(inner):
            ast.copy_location(child, node)
        return unquoted(inner)
    return _Unquote().visit(node) if any(_is_text(child) for child in ast.walk(node)) else node


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


class _Unquote(ast.NodeTransformer):
    """Builds new nodes where something changes: the text of the annotation itself stays what it was."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return unquoted(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if last_name(node.value) == "Literal":
            return node
        if last_name(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
            first, *rest = node.slice.elts
            inner = ast.Tuple([self.visit(first), *rest], ast.Load())
            return ast.copy_location(ast.Subscript(node.value, inner, node.ctx), node)
        return ast.copy_location(ast.Subscript(node.value, self.visit(node.slice), node.ctx), node)

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        return ast.copy_location(ast.Tuple([self.visit(item) for item in node.elts], node.ctx), node)

    def visit_List(self, node: ast.List) -> ast.AST:
        return ast.copy_location(ast.List([self.visit(item) for item in node.elts], node.ctx), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return ast.copy_location(ast.BinOp(self.visit(node.left), node.op, self.visit(node.right)), node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        return node


def last_name(node: ast.expr) -> str | None:
    """Return `c` for `c` and for `a.b.c`, None for what is neither a name nor an attribute."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return None
