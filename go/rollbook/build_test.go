package rollbook

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// These tests build programs with this module as users do.

// user is a module of somebody else that uses this one.
func user(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("programs are not built in a short run")
	}
	folder := t.TempDir()
	here, err := filepath.Abs(".")
	must(t, err)
	program, err := os.ReadFile("examples/inproc/main.go")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "main.go"), program, 0o600))
	module := "module user\n\ngo 1.26.0\n\nrequire rollbook.dev/go/rollbook v0.0.0\n\nreplace rollbook.dev/go/rollbook => " + here + "\n"
	must(t, os.WriteFile(filepath.Join(folder, "go.mod"), []byte(module), 0o600))
	return folder
}

// command runs a command of a user, and gives what it printed.
func command(t *testing.T, folder string, environment []string, name string, arguments ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, arguments...)
	cmd.Dir = folder
	cmd.Env = append(append(os.Environ(), "GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS="), environment...)
	printed, err := cmd.CombinedOutput()
	return string(printed), err
}

func succeed(t *testing.T, folder string, environment []string, name string, arguments ...string) string {
	t.Helper()
	printed, err := command(t, folder, environment, name, arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, printed)
	}
	return printed
}

// refused looks whether a build fails with words that help.
func refused(t *testing.T, environment []string, words string, arguments ...string) {
	t.Helper()
	printed, err := command(t, user(t), environment, "go", append([]string{"build"}, arguments...)...)
	if err == nil || !strings.Contains(printed, words) {
		t.Fatalf("%v, without %q:\n%s", err, words, printed)
	}
}

func TestAVendoredModuleIsComplete(t *testing.T) {
	folder := user(t)
	succeed(t, folder, nil, "go", "mod", "vendor")
	// Nothing outside of the folder is needed from now on.
	module := filepath.Join(folder, "go.mod")
	text, err := os.ReadFile(module)
	must(t, err)
	here, err := filepath.Abs(".")
	must(t, err)
	gone := strings.ReplaceAll(string(text), here, filepath.Join(folder, "gone"))
	must(t, os.WriteFile(module, []byte(gone), 0o600))
	list := filepath.Join(folder, "vendor/modules.txt")
	text, err = os.ReadFile(list)
	must(t, err)
	must(t, os.WriteFile(list, []byte(strings.ReplaceAll(string(text), here, filepath.Join(folder, "gone"))), 0o600))
	printed := succeed(t, folder, nil, "go", "run", "-mod=vendor", ".")
	if !strings.Contains(printed, "admitted online member") {
		t.Fatal(printed)
	}
}

func TestABuildWithoutCgoSaysWhatItNeeds(t *testing.T) {
	refused(t, []string{"CGO_ENABLED=0"}, "rollbook_needs_cgo")
}

func TestABuildForAnotherPlatformSaysWhatIsMissing(t *testing.T) {
	refused(t, nil, "there_is_no_librollbook_for_this_platform", "-tags", "musl")
}

// archive is the library of this module.
func archive(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("lib/" + runtime.GOOS + "_" + runtime.GOARCH + "/librollbook.a")
	must(t, err)
	return path
}

func TestALibraryOfAnotherABIIsRefused(t *testing.T) {
	folder := user(t)
	library := filepath.Join(folder, "librollbook.a")
	content, err := os.ReadFile(archive(t))
	must(t, err)
	must(t, os.WriteFile(library, content, 0o600))
	// The same library, but that it says something else.
	succeed(t, folder, nil, "objcopy", "--redefine-sym", "rollbook_abi_version=rollbook_abi_version_was", library)
	source := filepath.Join(folder, "abi.c.txt")
	must(t, os.WriteFile(source, []byte("unsigned rollbook_abi_version(void) { return 0x20003; }\n"), 0o600))
	succeed(t, folder, nil, "cc", "-x", "c", "-c", source, "-o", "abi.o")
	succeed(t, folder, nil, "ar", "r", library, "abi.o")
	system := []string{"CGO_LDFLAGS=-L" + folder + " -lm"}
	succeed(t, folder, system, "go", "build", "-tags", "rollbook_system", "-o", "program", ".")
	printed, err := command(t, folder, nil, "./program")
	if err == nil || !strings.Contains(printed, "0x10000") || !strings.Contains(printed, "0x20003") {
		t.Fatalf("%v\n%s", err, printed)
	}
}

func TestAnInstalledLibraryIsFoundByPkgConfig(t *testing.T) {
	folder := user(t)
	text := "Name: rollbook\nDescription: the library of this module\nVersion: 0\nLibs: " + archive(t) + " -lm\n"
	must(t, os.WriteFile(filepath.Join(folder, "rollbook.pc"), []byte(text), 0o600))
	printed := succeed(t, folder, []string{"PKG_CONFIG_PATH=" + folder}, "go", "run", "-tags", "rollbook_pkgconfig", ".")
	if !strings.Contains(printed, "admitted online member") {
		t.Fatal(printed)
	}
}

func TestOnePackageAloneCallsC(t *testing.T) {
	must(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasPrefix(path, "internal/capi/") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "import \"C"+"\"") {
			t.Errorf("%s calls C", path)
		}
		return err
	}))
}
