//! What callers and people on the host see of a question; never a token.

use serde_json::{Value, json};

use super::Question;
use crate::approval::people::People;
use crate::gate::envelope::rfc3339;
use crate::gate::protocol::{ApprovalView, WaitingApproval};
use crate::principal::PrincipalName;

impl Question {
    /// What callers and people on the host see of it.
    pub(in crate::gate) fn view(&self, people: &People) -> ApprovalView {
        let needed = self.terms.quorum().needed();
        let missing = self.terms.quorum().missing(self.counting(people).values().map(Vec::as_slice));
        ApprovalView {
            id: self.id.clone(),
            expires_at: rfc3339(self.expires_at),
            needed,
            given: needed.saturating_sub(missing),
            groups: self.terms.quorum().groups().clone(),
            ..ApprovalView::default()
        }
    }

    /// The question among what waits.
    pub(in crate::gate) fn waiting(&self, people: &People) -> Option<WaitingApproval> {
        let principal = PrincipalName::try_from(self.shown.principal.clone()).ok()?;
        let (operation, command) = (self.id.clone(), self.shown.command_line.clone());
        let approval = self.view(people);
        self.settled.is_none().then_some(WaitingApproval { operation, principal, command, approval })
    }

    /// All of it, for people on the host.
    pub(in crate::gate) fn whole(&self, people: &People) -> Value {
        let line = |name: &str| json!({"name": name});
        let objects = self.shown.objects.iter();
        let objects = objects.flat_map(|object| {
            let lines = object.lines.iter().map(|text| line(&format!("  {text}")));
            std::iter::once(line(&object.name)).chain(lines).collect::<Vec<_>>()
        });
        let objects: Vec<Value> = objects.collect();
        json!({
            "command": self.shown.command_line, "effects_digest": self.shown.digest, "approval": self.view(people),
            "operation": {
                "id": self.id, "principal": self.shown.principal, "decision": {"reason": self.shown.rule},
                "effects": {"objects": objects},
            },
        })
    }
}
