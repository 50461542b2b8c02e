// Command terraform-checks is what the checks of terraform/ need beside Terraform itself.
//
//	terraform-checks generate [--check] ROOT   writes what is generated below ROOT, or tells what is out of date
//	terraform-checks hcl FILE…                 tells files of HCL that do not parse or are not formatted, such as those of Packer
//	terraform-provider-NAME                    under such a name: a provider that has the schema of NAME, and does nothing
//
// Exit code: 0 when everything is as it should be, 1 when something is not, 2 when it could not be told.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// errFound says that something is not as it should be; what, has been told.
var errFound = errors.New("faults were found")

func main() {
	err := run(filepath.Base(os.Args[0]), os.Args[1:])
	switch {
	case errors.Is(err, errFound):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "terraform-checks:", err)
		os.Exit(2)
	}
}

func run(program string, arguments []string) error {
	if name, ok := strings.CutPrefix(program, "terraform-provider-"); ok {
		name, _, _ = strings.Cut(name, "_")
		return serve(name)
	}
	if len(arguments) == 0 {
		return errors.New("generate [--check] ROOT, or hcl FILE…")
	}
	switch arguments[0] {
	case "generate":
		isCheck := len(arguments) == 3 && arguments[1] == "--check"
		if !isCheck && len(arguments) != 2 {
			return errors.New("generate [--check] ROOT")
		}
		return generate(arguments[len(arguments)-1], isCheck)
	case "hcl":
		return checkHCL(arguments[1:])
	default:
		return fmt.Errorf("there is no command %s", arguments[0])
	}
}
