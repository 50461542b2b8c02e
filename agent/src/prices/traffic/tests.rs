//! Traffic profiles that can be read, and what is wrong with those that cannot.

use rstest::rstest;

use super::*;

fn read(text: &str) -> Result<Vec<Traffic>, Faults> {
    of_layers(vec![Layer::file("traffic.hcl", text)])
}

fn with(fields: &str) -> String {
    let rest = "requests_per_day = [10, 20, 30]\ninput_tokens = [100]\noutput_tokens = [10, 10, 50]\n";
    format!("traffic \"chat\" {{\n{fields}\n{rest}}}\n")
}

#[test]
fn a_profile_is_read_with_its_bounds() {
    let text = with("model = \"amazon.nova-lite-v1:0\"\ncache_read_percent = 40");
    let traffic = read(&text).unwrap();
    assert_eq!(traffic.len(), 1);
    assert_eq!(traffic[0].requests_per_day, Bounds { low: 10, likely: 20, high: 30 });
    assert_eq!(traffic[0].input_tokens, Bounds::exactly(100));
    assert_eq!((traffic[0].cache_read, traffic[0].cache_write), (4000, 0));
}

#[rstest]
#[case(&with("model = \"us.amazon.nova-lite-v1:0\""), 2, "is a profile")]
#[case(&with("model = \"nova lite\""), 2, "is not a model id")]
#[case(&with("model = \"m\"\ncache_read_percent = 101"), 3, "above the maximum")]
#[case(&with("model = \"m\"\ncache_read_percent = 60\ncache_write_percent = 60"), 4, "is more than")]
#[case(&with("model = \"m\"").replace("[10, 20, 30]", "[10, 5, 30]"), 3, "is [10, 5, 30]")]
#[case(&with("model = \"m\"").replace("[10, 20, 30]", "[10, 20]"), 3, "is [10, 20]")]
#[case(&with("model = \"m\"").replace("[100]", "[-1]"), 4, "below the minimum")]
#[case(&with("modell = \"m\""), 2, "unknown field")]
#[case("", 1, "no traffic block")]
fn a_fault_is_told_with_its_line(#[case] text: &str, #[case] line: usize, #[case] problem: &str) {
    let faults = read(text).unwrap_err();
    let fault = faults.as_slice().iter().find(|fault| fault.problem.contains(problem));
    assert_eq!(fault.unwrap_or_else(|| panic!("{faults}")).line, line, "{faults}");
}

#[test]
fn the_example_of_the_guide_is_a_traffic_profile() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/how-to/estimate-cost.md");
    let page = std::fs::read_to_string(page).unwrap();
    let example = page.split("```hcl\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(read(example).unwrap_or_else(|faults| panic!("{faults}")).len(), 2);
}
