// Pack writes a module into a folder that serves as a module proxy (GOPROXY=file://...).
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"log"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	path := flag.String("module", "", "the module's path")
	number := flag.String("version", "", "its version")
	folder := flag.String("dir", "", "its folder")
	proxy := flag.String("proxy", "", "the proxy's folder")
	flag.Parse()
	if err := pack(module.Version{Path: *path, Version: *number}, *folder, *proxy); err != nil {
		log.Fatal(err)
	}
}

func pack(packed module.Version, folder, proxy string) error {
	if err := module.Check(packed.Path, packed.Version); err != nil {
		return err
	}
	escaped, err := module.EscapePath(packed.Path)
	if err != nil {
		return err
	}
	versions := filepath.Join(proxy, escaped, "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(versions, name) }
	// The same files give the same proxy, whoever packs them and when.
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{packed.Version, time.Unix(0, 0).UTC()})
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	archive, err := os.Create(at(packed.Version + ".zip"))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(at("list"), []byte(packed.Version+"\n"), 0o644),
		os.WriteFile(at(packed.Version+".info"), info, 0o644),
		os.WriteFile(at(packed.Version+".mod"), mod, 0o644),
		zip.CreateFromDir(archive, packed, folder),
		archive.Close(),
	)
}
