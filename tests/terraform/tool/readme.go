package main

import (
	"fmt"
	"strings"
)

// The part of a page that is generated stands between these, which terraform-docs writes too.
const (
	begin = "<!-- BEGIN_TF_DOCS -->"
	end   = "<!-- END_TF_DOCS -->"
)

// page is the text of a README with its generated part made anew.
func page(text string, read module, applied string) (string, error) {
	before, rest, ok := strings.Cut(text, begin)
	if !ok {
		return "", fmt.Errorf("there is no %s", begin)
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("there is no %s", end)
	}
	return before + begin + "\n" + tables(read, applied) + end + after, nil
}

func tables(read module, applied string) string {
	var out strings.Builder
	section := func(title string) { fmt.Fprintf(&out, "## %s\n\n", title) }
	section("How far it is tried")
	out.WriteString(applied + "\n\n")
	section("Requirements")
	fmt.Fprintf(&out, "| what | versions |\n|---|---|\n| terraform | %s |\n", read.terraform)
	for _, provider := range read.providers {
		name, version, _ := strings.Cut(provider, " ")
		fmt.Fprintf(&out, "| %s | %s |\n", name, version)
	}
	out.WriteString("\n")
	for _, list := range []struct {
		title string
		items []string
	}{{"Modules", read.calls}, {"Resources", read.resources}} {
		if len(list.items) == 0 {
			continue
		}
		section(list.title)
		for _, item := range list.items {
			fmt.Fprintf(&out, "- %s\n", item)
		}
		out.WriteString("\n")
	}
	if len(read.variables) > 0 {
		section("Inputs")
		out.WriteString("| name | type | default | meaning |\n|---|---|---|---|\n")
		for _, one := range read.variables {
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", one.name, code(one.kind, "any"), code(one.defaults, "required"), cell(one.description))
		}
		out.WriteString("\n")
	}
	if len(read.outputs) > 0 {
		section("Outputs")
		out.WriteString("| name | meaning |\n|---|---|\n")
		for _, one := range read.outputs {
			fmt.Fprintf(&out, "| `%s` | %s |\n", one.name, cell(one.description))
		}
		out.WriteString("\n")
	}
	return out.String()
}

// code is an expression in one line of a table.
func code(expression, absent string) string {
	if expression == "" {
		return absent
	}
	if strings.Contains(expression, "<<") {
		return "several lines"
	}
	words := strings.Join(strings.Fields(expression), " ")
	return "`" + strings.ReplaceAll(words, "|", "\\|") + "`"
}

func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", "\\|"), "<", "&lt;")
}
