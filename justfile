# Every command that a person or CI runs. `just` alone lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

# List the recipes
default:
    @just --list

# Type-check everything, tests included
check:
    cargo check --workspace --all-targets --locked

# Format all Rust sources
fmt:
    cargo fmt --all

# Formatting and lints, as CI judges them
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# All Rust tests, or those whose name contains the filter
test filter="":
    cargo test --workspace --locked -- {{ filter }}

# End-to-end tests of the built programs, or those whose name contains the filter
e2e filter="":
    cargo test -p nova-tests --test e2e --locked -- {{ filter }}

# The attacks on the built proxy, with their figures
attacks filter="":
    cargo test -p nova-tests --test e2e --locked -- 'attacks::{{ filter }}' --nocapture

# Search for inputs that break a reader (chat, responses, frames, stream, config, proxy_header, keys_file, journal); needs cargo-fuzz and nightly.
# No sanitizer: the code is safe Rust. What is found by the way stays in target/fuzz, what breaks something is told by its path.
fuzz target seconds="60":
    mkdir -p target/fuzz/found/{{ target }} target/fuzz/broken
    cargo +nightly fuzz run --sanitizer none --features libfuzzer --target-dir target/fuzz {{ target }} \
        target/fuzz/found/{{ target }} fuzz/corpus/{{ target }} -- -max_total_time={{ seconds }} -timeout=10 \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=target/fuzz/broken/

# The suites of the official clients (python, node, boto3; all when none is named)
clients *suites="":
    ./tests/run clients {{ suites }}

# The proxy beside nginx, in front of the same upstream: needs two cores and nothing else running
bench *arguments="":
    cargo build --profile dist --locked -p nova-proxy
    cargo run --release --locked -p nova-bench -- run {{ arguments }}

# Count the instructions of what runs per request and per chunk; `--accept` writes counts that are out of bounds as new limits
bench-instructions *arguments:
    ./bench/instructions {{ arguments }}

# Licenses, bans, sources and advisories; needs cargo-deny
deny:
    cargo deny --all-features check

# Print the JSON Schema of the configuration
schema:
    @cargo run --quiet --locked -p nova-proxy -- schema

# A release: programs, sums, signature, list of crates (--version X.Y.Z, --sign KEYFILE, --sbom)
release *arguments="--sbom":
    ./release/build {{ arguments }}

# The whole system on this machine, with the Bedrock simulator
dev *arguments="":
    cargo run --locked -p nova-local -- up {{ arguments }}

# Exactly what CI runs
ci:
    ./.ci/run
