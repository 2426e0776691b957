//! What stands in a policy's files without being run: its rules, its functions, and what of both nothing comes to.

use std::collections::{BTreeSet, HashSet};

use starlark::syntax::AstModule;
use starlark::syntax::ast::{AstExpr, AstStmt, Expr, Stmt};

use super::at;
use super::session::RuleCall;
use super::typos;
use crate::policy::problem::Problem;

/// What the files of a policy hold.
#[derive(Default)]
pub(super) struct Survey {
    functions: Vec<(String, Problem)>,
    used: HashSet<String>,
    rules: Vec<Problem>,
    typos: Vec<Problem>,
}

impl Survey {
    /// One more file.
    pub(super) fn read(&mut self, ast: &AstModule) {
        self.statement(ast, ast.statement());
    }

    fn statement(&mut self, ast: &AstModule, statement: &AstStmt) {
        match &statement.node {
            Stmt::Def(def) => {
                let stands = at(&ast.file_span(def.name.span), "");
                self.functions.push((def.name.node.ident.clone(), stands));
                def.params.iter().for_each(|parameter| {
                    parameter.visit_expr(|expression| self.expression(ast, expression));
                });
                self.statement(ast, &def.body);
            }
            Stmt::Load(load) => self.used.extend(load.args.iter().map(|arg| arg.their.node.clone())),
            Stmt::Return(Some(expression)) | Stmt::Expression(expression) => self.expression(ast, expression),
            Stmt::Assign(assign) => {
                assign.lhs.visit_expr(|expression| self.expression(ast, expression));
                self.expression(ast, &assign.rhs);
            }
            Stmt::AssignModify(to, _, expression) => {
                to.visit_expr(|expression| self.expression(ast, expression));
                self.expression(ast, expression);
            }
            Stmt::If(condition, then) => {
                self.expression(ast, condition);
                self.statement(ast, then);
            }
            Stmt::IfElse(condition, branches) => {
                self.expression(ast, condition);
                self.statement(ast, &branches.0);
                self.statement(ast, &branches.1);
            }
            Stmt::For(each) => {
                self.expression(ast, &each.over);
                self.statement(ast, &each.body);
            }
            Stmt::Statements(statements) => {
                statements.iter().for_each(|statement| self.statement(ast, statement));
            }
            Stmt::Break | Stmt::Continue | Stmt::Pass | Stmt::Return(None) => {}
        }
    }

    fn expression(&mut self, ast: &AstModule, expression: &AstExpr) {
        if let Expr::Identifier(name) = &expression.node {
            self.used.insert(name.node.ident.clone());
        }
        if let Expr::Call(function, _) = &expression.node
            && let Expr::Identifier(name) = &function.node
            && ["allow", "deny", "review"].contains(&name.node.ident.as_str())
        {
            self.rules.push(at(&ast.file_span(expression.span), ""));
        }
        self.typos.extend(typos::of(expression).into_iter().map(|typo| Problem {
            help: Some(typo.help),
            ..at(&ast.file_span(typo.written.span), typo.message)
        }));
        expression.visit_expr(|inner| self.expression(ast, inner));
    }

    /// Words that are nearly others, so that what compares with them never comes true.
    pub(super) fn typos(&self) -> Vec<Problem> {
        self.typos.clone()
    }

    /// How many rules there are: calls of `allow`, `deny` and `review`.
    pub(super) fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Functions that nothing uses, so that their rules never match.
    pub(super) fn unused(&self) -> Vec<Problem> {
        let unused =
            self.functions.iter().filter(|(name, _)| name != "evaluate" && !self.used.contains(name));
        unused
            .map(|(name, stands)| Problem {
                message: format!("nothing uses {name}: what it says never counts"),
                help: Some(format!("call {name} in evaluate, or take it out")),
                ..stands.clone()
            })
            .collect()
    }

    /// Rules that no example comes to.
    pub(super) fn untried(&self, reached: &[RuleCall]) -> Vec<Problem> {
        let place = |problem: &Problem| {
            let place = problem.place.as_ref().map(|place| (place.line, place.column));
            (problem.file.clone(), place)
        };
        let reached: BTreeSet<_> = reached.iter().map(|call| place(&call.stands)).collect();
        let untried = self.rules.iter().filter(|rule| !reached.contains(&place(rule)));
        untried
            .map(|stands| Problem {
                message: "no example comes to this rule".to_owned(),
                help: Some("write an example(…) that it decides".to_owned()),
                ..stands.clone()
            })
            .collect()
    }
}
