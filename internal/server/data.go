package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/sqlite"
)

// The files of a data directory besides the database. All are for their owner only (0600).
const (
	secretFile = "secret"
	keyFile    = "api-key"
	lockFile   = "lock"
)

// dirLock keeps a second server off a data directory: two would give the same seq twice.
type dirLock struct{ file *os.File }

func lockDir(data string) (*dirLock, error) {
	if data == "" {
		return nil, errors.New("--data is empty; name a directory, such as ./data")
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory (--data): %w", err)
	}
	file, err := os.OpenFile(filepath.Join(data, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory (--data): %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, errRunsAlready(data)
	}
	return &dirLock{file}, nil
}

func errRunsAlready(data string) error {
	return fmt.Errorf("another apier serve runs on %s; stop it, or name another directory with --data", data)
}

// checkDatabase refuses to begin anew in a directory that had a database: a secret or a first key is made beside one.
func checkDatabase(data, accepted string, log *slog.Logger) error {
	path := DatabasePath(data)
	if size(path) > onePage || size(path+"-wal") > 0 {
		return nil
	}
	if _, err := os.Stat(sqlite.MarkPath(path)); err == nil {
		return nil // the store knows more: its mark tells how much is lost
	}
	for _, name := range []string{secretFile, keyFile} {
		beside := filepath.Join(data, name)
		if _, err := os.Stat(beside); err != nil {
			continue
		}
		if accepted != acceptNew {
			return &sqlite.LostError{Path: path, Token: acceptNew, Reason: "is missing or empty, and a server ran here before: it left " + beside}
		}
		log.Warn("beginning with an empty database beside the files of an older one, as --accept-loss says", "database", path, "beside", beside)
		return nil
	}
	return nil
}

// onePage is the size of a database that has no table: before its first checkpoint all that it holds is in its log.
const onePage = 4096

// size returns that of a file; 0: there is none.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// acceptNew is what --accept-loss takes where nothing tells how much is lost.
const acceptNew = "new"

func (l *dirLock) release() {
	if l != nil {
		_ = l.file.Close() // lets the lock go
	}
}

// FindDatabase gives the file of the database in a directory that a server has run on.
func FindDatabase(data string) (string, error) {
	path := DatabasePath(data)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s holds no database; start the server once, or name its directory with --data", data)
	}
	return path, nil
}

// Secret gives the secret of tokens: the given one, or that of the data directory, made at first use.
func Secret(data, given string) ([]byte, error) {
	if given != "" {
		if fault := secretFault(given); fault != "" {
			return nil, fmt.Errorf("--jwt-secret %s", fault)
		}
		return []byte(given), nil
	}
	path := filepath.Join(data, secretFile)
	text, err := os.ReadFile(path)
	if err == nil {
		secret := strings.TrimSpace(string(text))
		if fault := secretFault(secret); fault != "" {
			return nil, fmt.Errorf("secret of tokens: %s %s. Remove the file, and a new one is made (tokens end, API keys do not)", path, fault)
		}
		return []byte(secret), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("secret of tokens: %w", err)
	}
	raw := make([]byte, 48)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	secret := base64.RawURLEncoding.EncodeToString(raw)
	if err := writePrivate(path, secret); err != nil {
		return nil, fmt.Errorf("secret of tokens: %w", err)
	}
	return []byte(secret), nil
}

// minDistinct is how many different bytes a secret has at least. 32 random hex digits never have fewer in practice.
const minDistinct = 6

// maxPattern bounds the patterns that are looked for: a secret of short ones is no secret, however long it is.
const maxPattern = 8

// secretFault tells why a secret can be found by trying; "" where it cannot.
func secretFault(secret string) string {
	if len(secret) < minSecret { // RFC 7518, section 3.2, wants as many bits as the hash has
		return fmt.Sprintf("holds %d bytes of at least %d: whoever reads one token can find it by trying. openssl rand -base64 48 makes a good one", len(secret), minSecret)
	}
	if distinct(secret) < minDistinct || repeats(secret) {
		return "is one that can be guessed: it has hardly any different bytes, or repeats itself. openssl rand -base64 48 makes a good one"
	}
	return ""
}

func distinct(s string) int {
	seen := map[byte]bool{}
	for i := range len(s) {
		seen[s[i]] = true
	}
	return len(seen)
}

// repeats reports whether a text is a short one, again and again.
func repeats(s string) bool {
	for period := 1; period <= min(maxPattern, len(s)/2); period++ {
		if s[period:] == s[:len(s)-period] {
			return true
		}
	}
	return false
}

// KeyFromFile gives the API key that the first start wrote into the data directory.
func KeyFromFile(data string) (string, error) {
	path := filepath.Join(data, keyFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	if fault := apiKeyFault(key); fault != "" {
		return "", fmt.Errorf("%s holds no API key, it %s; remove it, and make a key with: apier keys create", path, fault)
	}
	return key, nil
}

// apiKeyFault tells why a text is no API key that may be used; "" where it is one.
func apiKeyFault(key string) string {
	secret, ok := strings.CutPrefix(key, auth.KeyPrefix)
	switch {
	case !ok:
		return "must start with " + auth.KeyPrefix
	case len(secret) < minKey:
		return fmt.Sprintf("has %d characters after %s, and needs %d: a shorter key can be found by trying", len(secret), auth.KeyPrefix, minKey)
	case distinct(secret) < minDistinct || repeats(secret):
		return "can be guessed: it has hardly any different characters, or repeats itself"
	}
	return ""
}

// keepPrivate takes the rights of others off the files that hold secrets: a copy, or an editor, gave them.
func keepPrivate(data string, log *slog.Logger) error {
	database := DatabasePath(data)
	for _, path := range []string{filepath.Join(data, secretFile), filepath.Join(data, keyFile), database, database + "-wal", database + "-shm"} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		mode := info.Mode().Perm()
		if mode&0o077 == 0 {
			continue
		}
		if err := os.Chmod(path, mode&0o700); err != nil {
			return fmt.Errorf("%s can be read or written by others (mode %04o), and that cannot be changed: %w; do it yourself: chmod go= %s", path, mode, err, path)
		}
		log.Warn("a file with secrets could be read or written by others; it is for its owner alone now. If others use this machine, replace what it holds",
			"file", path, "mode_before", fmt.Sprintf("%04o", mode))
	}
	return nil
}

// writePrivate makes a file whole or not at all, also where the disk is full or the process ends in the middle.
func writePrivate(path, text string) error {
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part)
	}
	return err
}

// firstKey sees to it that somebody can sign in: it stores the key given by --api-key, or, where the
// default tenant has no key at all, makes one and writes it into the data directory. It gives the key
// that it made.
func firstKey(ctx context.Context, s store.Store, opt Options) (string, error) {
	if opt.APIKey != "" {
		return "", seedKey(ctx, s, opt.APIKey, "--api-key")
	}
	keys, err := s.Keys(ctx, auth.DefaultTenant)
	if err != nil || len(keys) > 0 {
		return "", err
	}
	key, err := KeyFromFile(opt.Data)
	if err == nil { // a start before this one came so far and no further
		return key, seedKey(ctx, s, key, "first key")
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("first API key: %w", err)
	}
	key = auth.GenerateKey()
	if err := writePrivate(filepath.Join(opt.Data, keyFile), key); err != nil {
		return "", fmt.Errorf("first API key: %w", err)
	}
	return key, seedKey(ctx, s, key, "first key")
}

// seedKey stores a key unless it is there. A revoked one stays revoked, and says so.
func seedKey(ctx context.Context, s store.Store, key, name string) error {
	if _, err := s.KeyByHash(ctx, auth.HashKey(key)); err == nil {
		return nil
	}
	_, err := s.CreateKey(ctx, auth.DefaultTenant, auth.Describe(key, name, auth.AllScopes()))
	var known *apier.Error
	if errors.As(err, &known) && known.Code == apier.CodeConflict {
		return fmt.Errorf("the API key of %s was revoked; give another", name)
	}
	return err
}
