// Before is a program on go-libp2p as there are many: a host with its key in a file, and a pubsub.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
)

func main() {
	listen := flag.String("listen", "/ip4/0.0.0.0/tcp/0", "address to listen on")
	folder := flag.String("folder", ".", "where the key is")
	flag.Parse()
	stopped, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	key, err := loadKey(filepath.Join(*folder, "key"))
	check(err)
	host, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings(*listen))
	check(err)
	defer host.Close()
	ps, err := pubsub.NewGossipSub(context.Background(), host)
	check(err)
	work, err := ps.Join("work")
	check(err)
	defer work.Close()
	fmt.Println("I am", host.ID())

	<-stopped.Done()
}

// loadKey reads the host's key, or makes one.
func loadKey(path string) (crypto.PrivKey, error) {
	stored, err := os.ReadFile(path)
	if err == nil {
		return crypto.UnmarshalPrivateKey(stored)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, _, err := crypto.GenerateKeyPair(crypto.Ed25519, 0)
	if err != nil {
		return nil, err
	}
	stored, err = crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, stored, 0o600)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
