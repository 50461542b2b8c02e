package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAConditionIsToldInTheWordsOfTerraform(t *testing.T) {
	for from, want := range map[string]string{
		`var.version != "" && regex_replace(var.version, "^[0-9]+\\.\"$", "") == ""`: `var.nova_version != "" && replace(var.nova_version, "/^[0-9]+\\.\"$/", "") == ""`,
		`length([for c in var.x : c if regex_replace(c.a, "^a/b$", "") != ""]) == 0`: `length([for c in var.x : c if replace(c.a, "/^a/b$/", "") != ""]) == 0`,
		`var.versions >= 1`: `var.versions >= 1`,
	} {
		if got := condition(from); got != want {
			t.Errorf("%s\nbecame %s\nand not %s", from, got, want)
		}
	}
}

func TestAPageWithoutMarksIsRefused(t *testing.T) {
	for _, text := range []string{"# A page\n", "# A page\n" + begin + "\n"} {
		if _, err := page(text, module{}, ""); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestWhatIsOutOfDateIsToldAndNotWritten(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "page")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	isGood, err := settle(root, map[string]string{"page": "new"}, true)
	if err != nil || isGood {
		t.Fatalf("good: %v, %v", isGood, err)
	}
	if text, _ := os.ReadFile(path); string(text) != "old" {
		t.Fatalf("the page became %q", text)
	}
	if isGood, err = settle(root, map[string]string{"page": "new"}, false); err != nil || !isGood {
		t.Fatalf("good: %v, %v", isGood, err)
	}
	if text, _ := os.ReadFile(path); string(text) != "new" {
		t.Fatalf("the page became %q", text)
	}
}

func TestWhatWasAppliedSaysByWhichTranscript(t *testing.T) {
	if _, err := readApplied("terraform/modules/consul\n"); err == nil {
		t.Error("a folder without a transcript was taken")
	}
	applied, err := readApplied("# a comment\n\nterraform/nova docs/evidence/a.md\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := applied["terraform/nova"].sentence("../../"); !strings.Contains(got, "(../../docs/evidence/a.md)") {
		t.Error(got)
	}
	if got := applied["terraform/platform/aws"].sentence(""); !strings.Contains(got, "Linted only") {
		t.Error(got)
	}
}
