//! Blocks with and without labels, which JSON cannot tell apart.

use crate::document::{Block, NodeValue};
use crate::path::Path;
use crate::schema::lookup;

impl super::Checker<'_> {
    /// The tree without the blocks whose labels are wrong, each of which is a fault.
    pub(super) fn shape(&mut self) -> Block {
        let mut sound = self.root.clone();
        self.prune(&mut sound, &Path::default());
        sound
    }

    fn prune(&mut self, block: &mut Block, path: &Path) {
        block.retain(|name, node| {
            let here = path.field(name);
            let Some(schema) = lookup::at(self.schema.value, &here) else { return true };
            let place = self.sources.position(&node.key);
            match (&mut node.value, lookup::labelled(schema).is_some()) {
                (NodeValue::Block(_), true) => {
                    let fix = format!("write {name} \"<name>\" {{ … }}");
                    self.fault_at(place, &here, "the block has no label", fix);
                    false
                }
                (NodeValue::Labelled(_), false) => {
                    let fix = format!("write {name} {{ … }}");
                    self.fault_at(place, &here, "the block takes no label", fix);
                    false
                }
                (NodeValue::Block(below), false) => {
                    self.prune(below, &here);
                    true
                }
                (NodeValue::Labelled(blocks), true) => {
                    for (label, node) in blocks {
                        if let NodeValue::Block(below) = &mut node.value {
                            let inner = here.child(crate::path::Segment::Label(label.clone()));
                            self.prune(below, &inner);
                        }
                    }
                    true
                }
                _ => true,
            }
        });
    }
}
