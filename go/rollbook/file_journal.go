package rollbook

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// journalMode lets others read: there are no secrets in it.
	journalMode = 0o644
	// journalPart is how much of a journal is read at once.
	journalPart = 256 << 10
	// firstFrameMax is more than a first frame takes, which says whose journal it is.
	firstFrameMax = 128
	// unwrittenZeros behind a frame's own mean an end that was never written: some file systems make a
	// file longer before they write what is to be there.
	unwrittenZeros = 3
	retryFirst     = time.Second
	retryLast      = 30 * time.Second
)

// FileJournal is a journal in a file, with compaction.
//
// Invariants:
//   - a whole frame on disk stays there until a new file that holds its meaning is on disk in its
//     place;
//   - appending starts behind the last whole frame, so a torn end never runs into a new one;
//   - after a failed write or sync nothing more goes to the old file: a new one is written from
//     memory, where everything still is;
//   - the tracker is told of what the disk has confirmed, and of nothing else.
type FileJournal struct {
	path string
	lock io.Closer

	mutex sync.Mutex
	file  *os.File
	size  int64
	// syncedSize is how much of the file is on disk.
	syncedSize int64
	// position of the last frame that came.
	position uint64
	// fault is why nothing is written at the moment.
	fault error
	// compact says that a new file is to be written, not before retryAt.
	compact bool
	retryAt time.Time
	wait    time.Duration
}

var _ Journal = (*FileJournal)(nil)

// OpenFileJournal opens the journal at path, or makes an empty one. One process at a time has it
// open.
//
// Whoever makes a new identity makes its journal by [CreateFileJournal]: an authority that finds no
// journal takes it for lost, and signs nothing until others gave it back what it said.
func OpenFileJournal(path string) (*FileJournal, error) {
	return openJournal(path, os.O_RDWR|os.O_CREATE, nil)
}

// CreateFileJournal makes the journal of a new identity, which must not be there yet.
func CreateFileJournal(path string, id PeerID) (*FileJournal, error) {
	first, err := JournalBegin(id)
	if err != nil {
		return nil, err
	}
	return openJournal(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, first)
}

func openJournal(path string, flag int, first []byte) (*FileJournal, error) {
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	journal := &FileJournal{path: path, lock: lock}
	if err := journal.open(flag, first); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return journal, nil
}

func (j *FileJournal) open(flag int, first []byte) error {
	file, err := os.OpenFile(j.path, flag, journalMode)
	if err != nil {
		return ioError("open the journal", err)
	}
	// A new journal that was not finished: the old one stands.
	if err := os.Remove(j.newPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(ioError("open the journal", err), file.Close())
	}
	j.file = file
	_, err = file.Write(first)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = syncFolder(j.path)
	}
	if err != nil {
		return errors.Join(ioError("begin the journal", err), file.Close())
	}
	return nil
}

func (j *FileJournal) newPath() string { return j.path + ".new" }

// Size is the size of the journal in bytes.
func (j *FileJournal) Size() int64 {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.size
}

// Recover gives the tracker back what is in the journal, before its start. Where it fails, the file
// is left as it is.
func (j *FileJournal) Recover(t *Tracker) (Recovered, error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	recovered, end, err := j.read(t)
	if err != nil {
		return recovered, err
	}
	if recovered.Frames == 0 && end+int64(recovered.TornBytes) > firstFrameMax {
		return recovered, &Error{Op: "read the journal", Code: ErrFormat, Msg: j.path + " is no journal"}
	}
	if err := j.cut(end); err != nil {
		return recovered, ioError("cut off the end of the journal", err)
	}
	return recovered, nil
}

// read gives the file to the tracker; says where its last frame ends.
func (j *FileJournal) read(t *Tracker) (recovered Recovered, end int64, err error) {
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return recovered, 0, ioError("read the journal", err)
	}
	whole, err := j.written()
	if err != nil {
		return recovered, 0, ioError("read the journal", err)
	}
	from := io.LimitReader(j.file, whole)
	var rest []byte
	for {
		begin := len(rest)
		rest = append(rest, make([]byte, journalPart)...)
		count, err := io.ReadFull(from, rest[begin:])
		rest = rest[:begin+count]
		if count == 0 {
			break
		}
		used, found, refused := t.Recover(rest)
		if refused != nil {
			return found, end, refused
		}
		recovered = found
		end += int64(used)
		rest = append(rest[:0], rest[used:]...)
		if err != nil && err != io.ErrUnexpectedEOF {
			return recovered, end, ioError("read the journal", err)
		}
	}
	info, err := j.file.Stat()
	if err != nil {
		return recovered, end, ioError("read the journal", err)
	}
	recovered.TornBytes = uint64(info.Size() - end)
	return recovered, end, nil
}

// written says how much of the file was ever written: all but zeros at its end. The last frame keeps
// the one that ends it.
func (j *FileJournal) written() (int64, error) {
	info, err := j.file.Stat()
	if err != nil {
		return 0, err
	}
	end := info.Size()
	part := make([]byte, journalPart)
	for end > 0 {
		begin := max(0, end-int64(len(part)))
		part := part[:end-begin]
		if _, err := j.file.ReadAt(part, begin); err != nil {
			return 0, err
		}
		last := len(part)
		for last > 0 && part[last-1] == 0 {
			last--
		}
		end = begin + int64(last)
		if last > 0 {
			break
		}
	}
	if info.Size()-end < unwrittenZeros || end == 0 {
		return info.Size(), nil
	}
	return end + 1, nil
}

// cut ends the file here, and begins to append.
func (j *FileJournal) cut(end int64) error {
	if err := j.file.Truncate(end); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	_, err := j.file.Seek(end, io.SeekStart)
	j.size, j.syncedSize = end, end
	return err
}

// Keep appends the frames of the outputs, makes them durable where something waits for that, and
// tells the tracker. It compacts the journal when that is due. After an error nothing is lost, and
// what waits for the disk goes on waiting: it is tried again by later calls, with pauses of up to
// half a minute.
func (j *FileJournal) Keep(t *Tracker, now time.Time, out *Outputs) error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if len(out.Frames) > 0 {
		j.position = out.Position
	}
	for _, event := range out.Events {
		j.compact = j.compact || event.Kind == EventCompactionDue
	}
	if j.fault == nil {
		if err := j.append(out); err != nil {
			j.fault = err
			j.compact = true
		} else if out.MustSync {
			if err := t.JournalSynced(out.Position); err != nil {
				return err
			}
		}
	}
	if !j.compact || now.Before(j.retryAt) {
		return j.fault
	}
	if err := j.rewrite(t); errors.Is(err, ErrUnsigned) {
		j.retryAt = now.Add(retryFirst)
		return j.fault
	} else if err != nil {
		j.wait = min(max(2*j.wait, retryFirst), retryLast)
		j.retryAt = now.Add(j.wait)
		return err
	}
	j.compact, j.fault, j.wait, j.retryAt = false, nil, 0, time.Time{}
	return t.JournalSynced(j.position)
}

// append writes frames behind the others, and brings them to disk where something waits for that.
func (j *FileJournal) append(out *Outputs) error {
	if len(out.Frames) == 0 {
		return nil
	}
	if _, err := j.file.Write(out.Frames); err != nil {
		return j.failed("write the journal", err)
	}
	j.size += int64(len(out.Frames))
	if !out.MustSync {
		return nil
	}
	if err := j.file.Sync(); err != nil {
		return j.failed("write the journal to disk", err)
	}
	j.syncedSize = j.size
	return nil
}

// failed cuts off what may not be on disk: a later run would read it from the system's memory, and
// take for kept what never reaches the disk.
func (j *FileJournal) failed(op string, err error) error {
	if cut := j.file.Truncate(j.syncedSize); cut != nil {
		err = errors.Join(err, cut)
	}
	j.size = j.syncedSize
	return ioError(op, err)
}

// rewrite puts a new journal of all that the tracker holds in place of the old one.
func (j *FileJournal) rewrite(t *Tracker) error {
	file, err := os.OpenFile(j.newPath(), os.O_RDWR|os.O_CREATE|os.O_TRUNC, journalMode)
	if err != nil {
		return ioError("compact the journal", err)
	}
	var size int64
	err = t.Snapshot(func(part []byte) error {
		count, err := file.Write(part)
		size += int64(count)
		return err
	})
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(j.newPath(), j.path)
	}
	if err != nil {
		return ioError("compact the journal", errors.Join(err, file.Close(), os.Remove(j.newPath())))
	}
	// From here on the name leads to the new file, whether or not that is on disk yet. The old one is
	// nobody's any more: what closing it says does not matter.
	_ = j.file.Close()
	j.file, j.size, j.syncedSize = file, size, size
	if err := syncFolder(j.path); err != nil {
		j.fault = ioError("compact the journal", err)
		return j.fault
	}
	return nil
}

// Compact writes the journal anew, whether or not that is due.
func (j *FileJournal) Compact(t *Tracker) error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if err := j.rewrite(t); err != nil {
		return err
	}
	j.fault = nil
	return t.JournalSynced(j.position)
}

// Close brings everything to disk and closes the file. It says why something is not on disk, if so.
func (j *FileJournal) Close() error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.fault
	if err == nil {
		if sync := j.file.Sync(); sync != nil {
			err = ioError("write the journal to disk", sync)
		}
	}
	err = errors.Join(err, j.file.Close(), j.lock.Close())
	j.file = nil
	return err
}

// syncFolder makes the name of a file durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func ioError(op string, err error) error {
	return fmt.Errorf("%w: %w", &Error{Op: op, Code: ErrIO}, err)
}
