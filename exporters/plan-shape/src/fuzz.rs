//! The check of the target `plan` in `fuzz/`: it takes any bytes and panics where something is wrong. Not an interface.

use crate::{MAX_TEXT, PlanShape};

/// A shape is bounded, is the same for the same plan, and every beginning of a plan is read or refused.
pub fn plan(input: &[u8]) {
    let json = String::from_utf8_lossy(input);
    let shape = PlanShape::read(&json);
    if let Ok(shape) = &shape {
        assert!(shape.text.len() <= MAX_TEXT, "{}", shape.text);
        assert_eq!(shape.id.to_string().len(), 16);
    }
    assert_eq!(PlanShape::read(&json), shape);
    let half = json.floor_char_boundary(json.len() / 2);
    drop(PlanShape::read(&json[..half]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use replay::replay;

    #[test]
    fn plans() {
        replay("plan", 2_000, plan);
    }
}
