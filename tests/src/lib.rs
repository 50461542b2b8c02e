//! Nothing: the package holds the end-to-end tests (`e2e/`), the checks of the tree (`tidy.rs`) and the client suites
//! (`clients/`), which `run` starts.
