package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// variable is what a file says of one, in its own words.
type variable struct {
	name, kind, description string
	// defaults is the expression, and empty where a value is required.
	defaults    string
	validations []validation
	line        int
}

type validation struct{ condition, message string }

// output is what a module tells.
type output struct{ name, description string }

// module is what a folder of Terraform's has, as far as its page tells it.
type module struct {
	terraform string
	// providers, resources and calls are as they are shown, in order.
	providers, resources, calls []string
	variables                   []variable
	outputs                     []output
}

// source is a file of HCL, whose expressions are told as they were written.
type source struct {
	text []byte
	body *hclsyntax.Body
}

func readHCL(path string) (source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	file, diagnostics := hclparse.NewParser().ParseHCL(text, path)
	if diagnostics.HasErrors() {
		return source{}, diagnostics
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return source{}, fmt.Errorf("%s is not in the native syntax of HCL", path)
	}
	return source{text: text, body: body}, nil
}

// written is an attribute's expression as it stands in the file, or empty.
func (s source) written(body *hclsyntax.Body, name string) string {
	attribute, ok := body.Attributes[name]
	if !ok {
		return ""
	}
	return string(attribute.Expr.Range().SliceBytes(s.text))
}

// said is the value of an attribute that is a text without references, or empty.
func (s source) said(body *hclsyntax.Body, name string) string {
	attribute, ok := body.Attributes[name]
	if !ok {
		return ""
	}
	value, diagnostics := attribute.Expr.Value(nil)
	if diagnostics.HasErrors() || value.IsNull() || value.Type().FriendlyName() != "string" {
		return ""
	}
	return value.AsString()
}

// variables are those of the file, in its order.
func (s source) variables() []variable {
	var found []variable
	for _, block := range s.blocks("variable") {
		one := variable{
			name: block.Labels[0], kind: s.written(block.Body, "type"), description: s.said(block.Body, "description"),
			defaults: s.written(block.Body, "default"), line: block.Range().Start.Line,
		}
		for _, inner := range block.Body.Blocks {
			if inner.Type == "validation" {
				one.validations = append(one.validations, validation{
					condition: s.written(inner.Body, "condition"), message: s.written(inner.Body, "error_message"),
				})
			}
		}
		found = append(found, one)
	}
	return found
}

func (s source) blocks(kind string) []*hclsyntax.Block {
	return slices.DeleteFunc(slices.Clone([]*hclsyntax.Block(s.body.Blocks)), func(block *hclsyntax.Block) bool { return block.Type != kind })
}

// readModule is what the files of the folder say together.
func readModule(folder string) (module, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.tf"))
	if err != nil {
		return module{}, err
	}
	var read module
	for _, path := range paths {
		file, err := readHCL(path)
		if err != nil {
			return module{}, err
		}
		read.add(file)
	}
	slices.SortFunc(read.variables, func(a, b variable) int {
		// What is required comes first.
		if (a.defaults == "") != (b.defaults == "") {
			return map[bool]int{true: -1, false: 1}[a.defaults == ""]
		}
		return strings.Compare(a.name, b.name)
	})
	slices.SortFunc(read.outputs, func(a, b output) int { return strings.Compare(a.name, b.name) })
	for _, list := range [][]string{read.providers, read.resources, read.calls} {
		slices.Sort(list)
	}
	return read, nil
}

func (m *module) add(file source) {
	m.variables = append(m.variables, file.variables()...)
	for _, block := range file.body.Blocks {
		switch block.Type {
		case "output":
			m.outputs = append(m.outputs, output{block.Labels[0], file.said(block.Body, "description")})
		case "resource":
			m.resources = append(m.resources, fmt.Sprintf("`%s.%s`", block.Labels[0], block.Labels[1]))
		case "data":
			m.resources = append(m.resources, fmt.Sprintf("`data.%s.%s`", block.Labels[0], block.Labels[1]))
		case "module":
			m.calls = append(m.calls, fmt.Sprintf("`%s`", file.said(block.Body, "source")))
		case "terraform":
			m.require(file, block)
		}
	}
}

func (m *module) require(file source, block *hclsyntax.Block) {
	if version := file.said(block.Body, "required_version"); version != "" {
		m.terraform = version
	}
	for _, inner := range block.Body.Blocks {
		if inner.Type != "required_providers" {
			continue
		}
		for name, attribute := range inner.Body.Attributes {
			value, diagnostics := attribute.Expr.Value(&hcl.EvalContext{})
			if diagnostics.HasErrors() || !value.Type().IsObjectType() || !value.Type().HasAttribute("version") {
				continue
			}
			m.providers = append(m.providers, fmt.Sprintf("%s %s", name, value.GetAttr("version").AsString()))
		}
	}
}
