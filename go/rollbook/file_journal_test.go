package rollbook

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// alone is an authority with its journal in a file.
func alone(t *testing.T, journal Journal) *Tracker {
	t.Helper()
	identity := key(t, 1)
	tracker, err := New(Config{Network: "main", Authorities: []PeerID{identity.PeerID()}, CompactionFloor: 1024}, identity)
	must(t, err)
	t.Cleanup(func() { must(t, tracker.Close()) })
	_, err = journal.Recover(tracker)
	must(t, err)
	must(t, tracker.Start(wall))
	return tracker
}

func keep(t *testing.T, tracker *Tracker, journal Journal) error {
	t.Helper()
	for {
		var out Outputs
		must(t, tracker.Drain(wall, &out))
		if err := journal.Keep(tracker, wall, &out); err != nil {
			return err
		}
		if out.Empty() {
			return nil
		}
	}
}

func TestAJournalBringsTheRollBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := CreateFileJournal(path, key(t, 1).PeerID())
	must(t, err)
	tracker := alone(t, journal)
	member := key(t, 2).PeerID()
	receipt, err := tracker.Admit(wall, member)
	must(t, err)
	if durable, err := tracker.Durable(); err != nil || durable >= receipt {
		t.Fatalf("it is durable before it was written: %d of %d, %v", durable, receipt, err)
	}
	must(t, keep(t, tracker, journal))
	if durable, err := tracker.Durable(); err != nil || durable < receipt {
		t.Fatalf("durable is %d, the receipt %d: %v", durable, receipt, err)
	}
	before, err := tracker.Root()
	must(t, err)
	must(t, tracker.Close())
	must(t, journal.Close())

	journal, err = OpenFileJournal(path)
	must(t, err)
	again := alone(t, journal)
	after, err := again.Root()
	must(t, err)
	if _, known, err := again.Get(wall, member); !known || err != nil || after != before {
		t.Fatalf("known %t, %v; root %s, before %s", known, err, after, before)
	}
	must(t, journal.Close())
}

func TestAJournalIsCompactedWhenItIsDue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := CreateFileJournal(path, key(t, 1).PeerID())
	must(t, err)
	defer func() { must(t, journal.Close()) }()
	tracker := alone(t, journal)
	member := key(t, 2).PeerID()
	_, err = tracker.Admit(wall, member)
	must(t, err)
	largest := int64(0)
	for range 200 {
		_, err := tracker.Grant(wall, member, GrantStaked)
		must(t, err)
		must(t, keep(t, tracker, journal))
		_, err = tracker.Revoke(wall, member, GrantStaked)
		must(t, err)
		must(t, keep(t, tracker, journal))
		if journal.Size() < largest {
			return
		}
		largest = journal.Size()
	}
	t.Fatalf("it grew to %d bytes", largest)
}

func TestAJournalThatIsCutAnywhereIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := CreateFileJournal(path, key(t, 1).PeerID())
	must(t, err)
	tracker := alone(t, journal)
	_, err = tracker.Admit(wall, key(t, 2).PeerID())
	must(t, err)
	must(t, keep(t, tracker, journal))
	must(t, journal.Close())
	whole, err := os.ReadFile(path)
	must(t, err)
	for cut := range whole {
		for _, behind := range [][]byte{nil, make([]byte, 9)} {
			must(t, os.WriteFile(path, append(bytes.Clone(whole[:cut]), behind...), 0o600))
			journal, err := OpenFileJournal(path)
			must(t, err)
			again := alone(t, journal)
			must(t, keep(t, again, journal))
			must(t, again.Close())
			must(t, journal.Close())
			// What was appended behind a torn end is whole.
			journal, err = OpenFileJournal(path)
			must(t, err)
			third, err := New(Config{Network: "main", Authorities: []PeerID{key(t, 1).PeerID()}}, key(t, 1))
			must(t, err)
			recovered, err := journal.Recover(third)
			must(t, err)
			if recovered.TornBytes != 0 || recovered.Frames == 0 {
				t.Fatalf("cut at %d: %+v", cut, recovered)
			}
			must(t, third.Close())
			must(t, journal.Close())
		}
	}
}

func TestAFileOfSomethingElseIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	content := bytes.Repeat([]byte("this is no journal"), 100)
	must(t, os.WriteFile(path, content, 0o600))
	journal, err := OpenFileJournal(path)
	must(t, err)
	defer func() { must(t, journal.Close()) }()
	tracker, err := New(Config{Network: "main", Authorities: []PeerID{key(t, 1).PeerID()}}, key(t, 1))
	must(t, err)
	defer func() { must(t, tracker.Close()) }()
	if _, err := journal.Recover(tracker); !errors.Is(err, ErrFormat) {
		t.Fatalf("it was read: %v", err)
	}
	if there, err := os.ReadFile(path); err != nil || !bytes.Equal(there, content) {
		t.Fatalf("it was changed: %v", err)
	}
}

func TestAJournalOfSomebodyElseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := CreateFileJournal(path, key(t, 2).PeerID())
	must(t, err)
	defer func() { must(t, journal.Close()) }()
	tracker, err := New(Config{Network: "main", Authorities: []PeerID{key(t, 1).PeerID()}}, key(t, 1))
	must(t, err)
	defer func() { must(t, tracker.Close()) }()
	if _, err := journal.Recover(tracker); !errors.Is(err, ErrForeign) {
		t.Fatalf("it was taken: %v", err)
	}
}

func TestAJournalIsOpenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := OpenFileJournal(path)
	must(t, err)
	if _, err := OpenFileJournal(path); !errors.Is(err, ErrInUse) {
		t.Fatalf("it was opened twice: %v", err)
	}
	must(t, journal.Close())
	journal, err = OpenFileJournal(path)
	must(t, err)
	must(t, journal.Close())
	if _, err := CreateFileJournal(path, key(t, 1).PeerID()); !errors.Is(err, os.ErrExist) {
		t.Fatalf("it was made anew: %v", err)
	}
}

func TestAFailedDiskLosesNothingThatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := CreateFileJournal(path, key(t, 1).PeerID())
	must(t, err)
	tracker := alone(t, journal)
	must(t, keep(t, tracker, journal))
	// A file that is closed takes nothing, like a disk that is gone.
	must(t, journal.file.Close())
	must(t, os.Mkdir(journal.newPath(), 0o700))
	receipt, err := tracker.Admit(wall, key(t, 2).PeerID())
	must(t, err)
	if err := keep(t, tracker, journal); !errors.Is(err, ErrIO) {
		t.Fatalf("it was kept: %v", err)
	}
	if durable, err := tracker.Durable(); err != nil || durable >= receipt {
		t.Fatalf("it is called durable: %d of %d, %v", durable, receipt, err)
	}
	must(t, os.Remove(journal.newPath()))
	later := wall.Add(time.Minute)
	must(t, journal.Keep(tracker, later, new(Outputs)))
	if durable, err := tracker.Durable(); err != nil || durable < receipt {
		t.Fatalf("durable is %d, the receipt %d: %v", durable, receipt, err)
	}
	must(t, journal.Close())
}
