package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Where it is told which folders were applied for real.
const appliedList = "tests/terraform/applied"

// generate makes what is generated below the root; with isCheck it tells what is out of date, and writes nothing.
func generate(root string, isCheck bool) error {
	wanted, err := generated(root)
	if err != nil {
		return err
	}
	// A page tells what the files beside it say, so that those come first.
	isGood, err := settle(root, wanted, isCheck)
	if err != nil {
		return err
	}
	pages, err := pages(root)
	if err != nil {
		return err
	}
	arePagesGood, err := settle(root, pages, isCheck)
	if err != nil {
		return err
	}
	if !isGood || !arePagesGood {
		return errFound
	}
	return nil
}

// settle writes what differs, or tells it.
func settle(root string, wanted map[string]string, isCheck bool) (bool, error) {
	isGood := true
	for path, text := range wanted {
		full := filepath.Join(root, path)
		there, err := os.ReadFile(full)
		if err != nil && !os.IsNotExist(err) {
			return false, err
		}
		if string(there) == text {
			continue
		}
		if isCheck {
			isGood = false
			fmt.Printf("%s: out of date: run tests/terraform/generate\n", path)
			continue
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			return false, err
		}
		fmt.Println(path)
	}
	return isGood, nil
}

// generated has the text of each file of Terraform's that is made from a job.
func generated(root string) (map[string]string, error) {
	wanted := map[string]string{}
	for _, job := range jobs {
		file, err := readHCL(filepath.Join(root, job.file))
		if err != nil {
			return nil, err
		}
		variables := file.variables()
		folder := fmt.Sprintf("terraform/modules/nova-%s-job", job.module)
		for path, text := range map[string]string{
			folder + "/variables.tf":                        jobVariables(job, variables),
			folder + "/vars.tf":                             jobValues(job, variables),
			fmt.Sprintf("terraform/nova/%s.tf", job.module): jobCall(job, variables),
		} {
			wanted[path] = string(hclwrite.Format([]byte(text)))
		}
	}
	return wanted, nil
}

// pages has the text of each README below terraform/ that stands beside files of Terraform's.
func pages(root string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(root, appliedList))
	if err != nil {
		return nil, err
	}
	applied, err := readApplied(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", appliedList, err)
	}
	wanted := map[string]string{}
	base := filepath.Join(root, "terraform")
	err = filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if files, err := filepath.Glob(filepath.Join(path, "*.tf")); err != nil || len(files) == 0 {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		read, err := readModule(path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(path, "README.md"))
		if err != nil {
			return fmt.Errorf("each folder of Terraform's has a page: %w", err)
		}
		sentence := applied[name].sentence(strings.Repeat("../", strings.Count(name, "/")+1))
		delete(applied, name)
		wanted[name+"/README.md"], err = page(string(text), read, sentence)
		if err != nil {
			return fmt.Errorf("%s/README.md: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(applied) > 0 {
		names := make([]string, 0, len(applied))
		for name := range applied {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("%s names folders that are not there: %s", appliedList, strings.Join(names, ", "))
	}
	return wanted, nil
}

// evidence is the transcript of an application to real servers; empty where there was none.
type evidence string

// readApplied reads lines of a folder and its transcript.
func readApplied(text string) (map[string]evidence, error) {
	applied := map[string]evidence{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) != 2 {
			return nil, fmt.Errorf("%q is not a folder and a transcript", line)
		}
		applied[words[0]] = evidence(words[1])
	}
	return applied, nil
}

func (e evidence) sentence(up string) string {
	const linted = "formatted, validated against the schemas of the providers, tested with mock providers where it has tests, and judged by checkov"
	if e == "" {
		return fmt.Sprintf("Linted only: %s.\nIt has not been applied for real yet.", linted)
	}
	return fmt.Sprintf("Applied to real servers, changed, and planned clean: [transcript](%s%s).\nIn each run of the tests it is %s.", up, e, linted)
}
