//! Parsing and running the top level of the policy and of the files that it loads.

use std::cell::RefCell;
use std::collections::HashMap;

use starlark::analysis::AstModuleLint;
use starlark::environment::{FrozenModule, Globals, Module};
use starlark::eval::{Evaluator, ReturnFileLoader};
use starlark::syntax::{AstModule, Dialect, DialectTypes};

use super::builtins;
use super::examples::Example;
use super::session::Session;
use super::survey::Survey;
use super::{at, at_fixed, limits, problem};
use crate::config::did_you_mean;
use crate::policy::problem::Problem;
use crate::policy::source::PolicySource;

/// How many files may load each other in a row.
const MAX_DEPTH: usize = 16;

/// Findings that are mistakes; the linter's others are matters of taste.
const WARNINGS: [&str; 5] =
    ["missing-return", "unreachable", "unused-assign", "unassigned-variable", "duplicate-key"];

/// A policy's frozen top level, its examples, and what looks wrong in it without being an error.
pub(super) struct Loaded {
    pub(super) module: FrozenModule,
    pub(super) examples: Vec<Example>,
    pub(super) warnings: Vec<Problem>,
    pub(super) survey: Survey,
}

pub(super) fn load(source: &PolicySource) -> Result<Loaded, Problem> {
    let loader = Loader {
        source,
        globals: builtins::globals(),
        session: Session::loading(),
        done: RefCell::default(),
        warnings: RefCell::default(),
        survey: RefCell::default(),
    };
    let main = source.main();
    let module = loader.module(&main.name, &main.text, &mut vec![main.name.clone()])?;
    let Loader { session, warnings, survey, .. } = loader;
    let examples = session
        .examples()
        .map_err(|error| Problem::in_file(&main.name, format!("an example cannot be kept: {error}")))?;
    let (mut warnings, survey) = (warnings.into_inner(), survey.into_inner());
    warnings.extend(survey.unused());
    warnings.extend(survey.typos());
    Ok(Loaded { module, examples, warnings, survey })
}

struct Loader<'a> {
    source: &'a PolicySource,
    globals: Globals,
    session: Session,
    done: RefCell<HashMap<String, FrozenModule>>,
    warnings: RefCell<Vec<Problem>>,
    survey: RefCell<Survey>,
}

impl Loader<'_> {
    /// One file, after those that it loads. `path` names the files that led here, itself last.
    fn module(&self, name: &str, text: &str, path: &mut Vec<String>) -> Result<FrozenModule, Problem> {
        let ast = AstModule::parse(name, text.to_owned(), &dialect()).map_err(|error| problem(&error))?;
        self.lint(&ast);
        self.survey.borrow_mut().read(&ast);
        let mut modules = Vec::new();
        for load in ast.loads() {
            let module = self.loaded(load.module_id, path).map_err(|message| match message {
                Refused::Here(message) => at_fixed(&load.span, message),
                Refused::There(problem) => problem,
            })?;
            modules.push((load.module_id.to_owned(), module));
        }
        let modules: HashMap<&str, &FrozenModule> =
            modules.iter().map(|(name, module)| (name.as_str(), module)).collect();
        let files = ReturnFileLoader { modules: &modules };
        Module::with_temp_heap(|module| {
            let mut evaluator = Evaluator::new(&module);
            evaluator.set_loader(&files);
            evaluator.extra = Some(self.session.lent());
            // A call that cannot succeed is a mistake whether or not an example comes to it.
            evaluator.enable_static_typechecking(true);
            limits::loading(&mut evaluator)
                .and_then(|()| evaluator.eval_module(ast, &self.globals).map(|_value| ()))
                .map_err(|error| problem(&error))?;
            drop(evaluator);
            module.freeze().map_err(|error| Problem::in_file(name, format!("cannot be frozen: {error:?}")))
        })
    }

    fn loaded(&self, name: &str, path: &mut Vec<String>) -> Result<FrozenModule, Refused> {
        if let Some(done) = self.done.borrow().get(name) {
            return Ok(done.clone());
        }
        if path.iter().any(|before| before == name) {
            return Err(Refused::Here(format!("{} loads itself: {} → {name}", name, path.join(" → "))));
        }
        if path.len() >= MAX_DEPTH {
            return Err(Refused::Here(format!("more than {MAX_DEPTH} files load each other in a row")));
        }
        let Some(text) = self.source.beside().get(name) else {
            let there: Vec<&str> = self.source.beside().keys().map(String::as_str).collect();
            let nearest = did_you_mean(name, there.iter().copied());
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            return Err(Refused::Here(format!(
                "no file {name:?} beside the policy; there are: {there}{nearest}"
            )));
        };
        path.push(name.to_owned());
        let module = self.module(name, text, path).map_err(Refused::There)?;
        path.pop();
        self.done.borrow_mut().insert(name.to_owned(), module.clone());
        Ok(module)
    }

    fn lint(&self, ast: &AstModule) {
        let found = ast.lint(None);
        let warnings = found.into_iter().filter(|lint| WARNINGS.contains(&lint.short_name.as_str()));
        self.warnings.borrow_mut().extend(warnings.map(|lint| at(&lint.location, lint.problem)));
    }
}

/// Why a file could not be loaded: because of the `load` itself, or of what stands in the file.
enum Refused {
    Here(String),
    There(Problem),
}

fn dialect() -> Dialect {
    Dialect {
        enable_load_reexport: false,
        enable_keyword_only_arguments: true,
        enable_types: DialectTypes::Enable,
        enable_f_strings: true,
        ..Dialect::Standard
    }
}
