//! Negotiated prices as people write them: `overlay "<name>" { … }` in HCL, every fault with its line.
//!
//! Owns the form of a rule; which rule decides is `nova_pricing::overlay`'s. HCL and not TOML, because these files stand beside the
//! proxy's and the agent's, and are read by the same steps: unknown fields, wrong forms and secrets are found in the same words.

mod raw;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use nova_config::{
    Broken, DocumentSchema, Fault, FaultKind, Faults, Fitting, Layer, Position, ProcessEnvironment,
    read_layers,
};
use nova_pricing::decimal::Decimal;
use nova_pricing::kind::{Kind, Unit};
use nova_pricing::overlay::{AgreedPrice, Overlay, Rule, Terms};
use nova_pricing::rate::Rate;
use nova_pricing::time;

use raw::{RawOverlays, RawRule};

/// The most digits behind the point of a percentage. With them no discount of a published price is too fine.
const PERCENT_DIGITS_MAX: u32 = 6;

/// Reads files; a block of the same name in a later one is merged over the earlier one's, attribute by attribute.
///
/// # Errors
/// Every fault of every file, or of the reading.
pub fn load(files: &[PathBuf]) -> Result<Overlay, Faults> {
    if files.is_empty() { Ok(Overlay::default()) } else { of_layers(read_layers(files)?) }
}

fn schema() -> Result<&'static DocumentSchema, Faults> {
    static SCHEMA: LazyLock<Result<DocumentSchema, String>> =
        LazyLock::new(|| DocumentSchema::of::<RawOverlays>("Bedrock Nova Proxy price overlays"));
    SCHEMA.as_ref().map_err(|problem| defect(problem))
}

/// A schema of this version's own that is broken.
pub(super) fn defect(problem: &str) -> Faults {
    let place = Position { file: "built-in schema".to_owned(), line: 1, column: 1 };
    Faults::new(FaultKind::Invalid, vec![Fault::new(place, "", problem, "report this as a defect")])
}

fn of_layers(layers: Vec<Layer>) -> Result<Overlay, Faults> {
    let fitting = schema()?.read(layers, &ProcessEnvironment, &[])?;
    let raw: RawOverlays = fitting.parse()?;
    let mut broken = Vec::new();
    let rules: Vec<Rule> =
        raw.overlay.iter().filter_map(|(name, raw)| Reader { name, broken: &mut broken }.rule(raw)).collect();
    if !broken.is_empty() {
        return Err(fitting.faults(broken));
    }
    Overlay::new(rules).map_err(|ambiguous| ambiguity(&fitting, &ambiguous))
}

fn ambiguity(fitting: &Fitting, ambiguous: &[nova_pricing::overlay::AmbiguityError]) -> Faults {
    let faults = ambiguous.iter().map(|error| {
        let problem =
            format!("may decide about the same call as overlay {:?}, and neither is stronger", error.first);
        fitting.fault(&format!("overlay.{}", error.second), problem, "give one of them a higher precedence")
    });
    Faults::new(FaultKind::Invalid, faults.collect())
}

struct Reader<'a> {
    name: &'a str,
    broken: &'a mut Vec<Broken>,
}

impl Reader<'_> {
    fn fault(&mut self, field: &str, problem: impl ToString, fix: &str) {
        let path = if field.is_empty() {
            format!("overlay.{}", self.name)
        } else {
            format!("overlay.{}.{field}", self.name)
        };
        self.broken.push((path.into(), problem.to_string(), fix.to_owned()));
    }

    /// A value of another crate's, whose own message says what to write.
    fn parsed<T: std::str::FromStr<Err: ToString>>(&mut self, field: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.fault(field, error, "see docs/reference/prices.md")).ok()
    }

    fn rule(&mut self, raw: &RawRule) -> Option<Rule> {
        let before = self.broken.len();
        let mut date = |field: &str, text: &Option<String>| {
            let text = text.as_ref()?;
            time::instant(text).map_err(|error| self.fault(field, error, "write a day of UTC")).ok()
        };
        let (from, until) = (date("from", &raw.from), date("until", &raw.until));
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            self.fault("until", "is not later than from", "write the first day on which it no longer holds");
        }
        for model in &raw.models {
            let geography =
                nova_pricing::model::Geography::ALL.into_iter().map(|geography| geography.as_str());
            if model
                .split_once('.')
                .is_some_and(|(prefix, _)| geography.into_iter().any(|known| known == prefix))
            {
                self.fault(
                    "models",
                    format!("{model:?} is a profile"),
                    "write the model's own id, and the profile's prefix in routings",
                );
            }
        }
        let routings = raw.routings.iter().filter_map(|text| self.parsed("routings", text)).collect();
        let tiers = raw.tiers.iter().filter_map(|text| self.parsed("tiers", text)).collect();
        let terms = self.terms(raw);
        (self.broken.len() == before).then_some(())?;
        Some(Rule {
            name: self.name.to_owned(),
            precedence: raw.precedence,
            from,
            until,
            models: raw.models.clone(),
            regions: raw.regions.clone(),
            routings,
            tiers,
            terms: terms?,
        })
    }

    fn terms(&mut self, raw: &RawRule) -> Option<Terms> {
        match (&raw.discount_percent, raw.price.is_empty()) {
            (Some(percent), true) => self.discount(raw, percent),
            (None, false) => self.prices(raw),
            (Some(_), false) => {
                let fix = "write two overlays: an agreed price is not discounted";
                self.fault("price", "stands beside discount_percent", fix);
                None
            }
            (None, true) => {
                self.fault("", "does nothing", "write discount_percent or price");
                None
            }
        }
    }

    fn discount(&mut self, raw: &RawRule, text: &str) -> Option<Terms> {
        if raw.per.is_some() {
            self.fault("per", "stands beside discount_percent", "take it out: a percentage is of no unit");
        }
        let kinds: Vec<Kind> = raw.kinds.iter().filter_map(|text| self.parsed("kinds", text)).collect();
        let percent: Decimal = self.parsed("discount_percent", text)?;
        let hundred = 100 * 10i128.pow(percent.scale().min(PERCENT_DIGITS_MAX));
        if percent.scale() > PERCENT_DIGITS_MAX || !(0..=hundred).contains(&percent.mantissa()) {
            let fix =
                "write a percentage from 0 to 100 with at most six digits behind the point, such as \"7.5\"";
            self.fault("discount_percent", format!("{text:?} is out of range"), fix);
            return None;
        }
        Some(Terms::Discount { percent, kinds })
    }

    fn prices(&mut self, raw: &RawRule) -> Option<Terms> {
        if !raw.kinds.is_empty() {
            self.fault("kinds", "stands beside price", "take it out: the names in price say what it is of");
        }
        let Some(per) = &raw.per else {
            self.fault(
                "price",
                "has no unit",
                "write per = \"1K tokens\", \"1M tokens\", \"token\" or \"image\"",
            );
            return None;
        };
        let per: Unit = self.parsed("per", per)?;
        let mut prices = BTreeMap::new();
        for (name, written) in &raw.price {
            let field = format!("price.{name}");
            let Some(kind) = self.parsed::<Kind>(&field, name) else { continue };
            if !kind.is_counted_in(per) {
                self.fault(
                    &field,
                    format!("{kind} is not counted in {per}"),
                    "write an overlay for tokens and one for images",
                );
                continue;
            }
            let Some(decimal) = self.parsed::<Decimal>(&field, written) else { continue };
            match Rate::of(decimal, per) {
                Ok(rate) => drop(prices.insert(kind, AgreedPrice { written: written.clone(), per, rate })),
                Err(error) => self.fault(&field, error, "write the price of the contract, in dollars"),
            }
        }
        Some(Terms::Prices(prices))
    }
}
