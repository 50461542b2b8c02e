package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// checkHCL tells which files do not parse, or are not formatted as `terraform fmt` and `packer fmt` would have them.
func checkHCL(paths []string) error {
	isGood := true
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, diagnostics := hclparse.NewParser().ParseHCL(text, path); diagnostics.HasErrors() {
			isGood = false
			tell(diagnostics)
			continue
		}
		if !bytes.Equal(hclwrite.Format(text), text) {
			isGood = false
			fmt.Printf("%s: not formatted: packer fmt would change it\n", path)
		}
	}
	if !isGood {
		return errFound
	}
	return nil
}

func tell(diagnostics hcl.Diagnostics) {
	for _, diagnostic := range diagnostics {
		fmt.Println(diagnostic.Error())
	}
}
