package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A job, and the module that runs it. The module's variables are the job's, made from the job's file, so that neither can say what the
// other does not.
type job struct {
	file, module string
	// given are those that the root terraform/nova fills in by itself.
	given map[string]string
}

var jobs = []job{
	{"jobs/nova-proxy.nomad.hcl", "proxy", map[string]string{
		"namespace":          "module.nomad.namespace",
		"consul_prefix":      "var.consul_prefix",
		"consul_auth_method": "one(module.consul[*].auth_method_name)",
		"vault_mount":        "try(module.vault[0].jwt_auth_path, null)",
		"vault_role":         "try(module.vault[0].role_names.proxy, null)",
	}},
	{"jobs/nova-agent.nomad.hcl", "agent", map[string]string{
		"namespace":          "module.nomad.namespace",
		"namespaces":         "[module.nomad.namespace]",
		"consul_prefix":      "var.consul_prefix",
		"consul_auth_method": "one(module.consul[*].auth_method_name)",
		"viewer_policies":    "try([module.nomad.policy_names.viewer], null)",
		"operator_policies":  "try([module.nomad.policy_names.deployer], null)",
	}},
}

const made = "# Made from %s by tests/terraform/generate: change it there.\n"

// Terraform keeps the name version of a module's input for itself.
func renamed(name string) string {
	if name == "version" {
		return "nova_version"
	}
	return name
}

var (
	regexReplace = regexp.MustCompile(`regex_replace\(([a-z._]+), "((?:[^"\\]|\\.)*)", ""\)`)
	ofVersion    = regexp.MustCompile(`\bvar\.version\b`)
)

// condition is a validation of Nomad's HCL2 in Terraform's words.
func condition(text string) string {
	text = regexReplace.ReplaceAllString(text, `replace($1, "/$2/", "")`)
	return ofVersion.ReplaceAllString(text, "var.nova_version")
}

// jobVariables is variables.tf of a job's module.
func jobVariables(from job, variables []variable) string {
	var out strings.Builder
	fmt.Fprintf(&out, made, from.file)
	for _, one := range variables {
		fmt.Fprintf(&out, "\nvariable \"%s\" {\n  type        = %s\n  description = %q\n", renamed(one.name), one.kind, one.description)
		if one.defaults != "" {
			fmt.Fprintf(&out, "  default     = %s\n", one.defaults)
		}
		out.WriteString("  nullable    = false\n")
		for _, validation := range one.validations {
			fmt.Fprintf(&out, "\n  validation {\n    condition     = %s\n    error_message = %s\n  }\n", condition(validation.condition), validation.message)
		}
		out.WriteString("}\n")
	}
	return out.String()
}

// jobValues is vars.tf of a job's module: the values as `nomad job run -var` takes them.
func jobValues(from job, variables []variable) string {
	var out strings.Builder
	fmt.Fprintf(&out, made, from.file)
	out.WriteString(`
locals {
  # Texts as they are; all else as an expression of HCL, which JSON is but for the signs that begin a template.
  vars = {
`)
	width := 0
	for _, one := range variables {
		width = max(width, len(one.name))
	}
	for _, one := range variables {
		value := "var." + renamed(one.name)
		switch one.kind {
		case "string":
		case "number", "bool":
			value = fmt.Sprintf("tostring(%s)", value)
		default:
			value = fmt.Sprintf(`replace(jsonencode(%s), "/([$%%])\\{/", "$1$1{")`, value)
		}
		fmt.Fprintf(&out, "    %-*s = %s\n", width, one.name, value)
	}
	out.WriteString("  }\n}\n")
	return out.String()
}

// jobCall is <job>.tf of the root terraform/nova: the job as one object, and the call of its module.
func jobCall(from job, variables []variable) string {
	var out strings.Builder
	fmt.Fprintf(&out, made, from.file)
	open := slices.DeleteFunc(slices.Clone(variables), func(one variable) bool { return from.given[one.name] != "" })
	width := 0
	for _, one := range open {
		width = max(width, len(one.name))
	}
	fmt.Fprintf(&out, `
variable "%s" {
  description = "The job nova-%s: see the inputs of modules/nova-%s-job, whose defaults hold for what is not said. Its version is called version here."
  type = object({
`, from.module, from.module, from.module)
	for _, one := range open {
		kind := one.kind
		if one.defaults != "" {
			kind = fmt.Sprintf("optional(%s)", kind)
		}
		fmt.Fprintf(&out, "    %-*s = %s\n", width, one.name, kind)
	}
	fmt.Fprintf(&out, "  })\n}\n\nmodule \"%s\" {\n  source = \"../modules/nova-%s-job\"\n\n", from.module, from.module)
	width = 0
	for _, one := range variables {
		width = max(width, len(renamed(one.name)))
	}
	for _, one := range variables {
		value := fmt.Sprintf("var.%s.%s", from.module, one.name)
		if given := from.given[one.name]; given != "" {
			value = given
		}
		fmt.Fprintf(&out, "  %-*s = %s\n", width, renamed(one.name), value)
	}
	// The job's identities are of use to it once the servers know them.
	out.WriteString("\n  depends_on = [module.consul, module.vault]\n}\n")
	return out.String()
}
