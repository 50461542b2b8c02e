//go:build tools

// Package opentofu holds the program, so that its requirements are those of this module.
package opentofu

import _ "github.com/opentofu/opentofu/cmd/tofu"
