package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
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
		return nil, fmt.Errorf("another apier serve runs on %s; stop it, or name another directory with --data", data)
	}
	return &dirLock{file}, nil
}

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
		return []byte(given), nil
	}
	path := filepath.Join(data, secretFile)
	text, err := os.ReadFile(path)
	if err == nil {
		secret := strings.TrimSpace(string(text))
		if len(secret) < minSecret { // anybody could sign with what is left of it
			return nil, fmt.Errorf("secret of tokens: %s holds %d bytes of at least %d: it was cut; remove it, and a new one is made (tokens end, API keys do not)",
				path, len(secret), minSecret)
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

// KeyFromFile gives the API key that the first start wrote into the data directory.
func KeyFromFile(data string) (string, error) {
	path := filepath.Join(data, keyFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	if !strings.HasPrefix(key, auth.KeyPrefix) {
		return "", fmt.Errorf("%s holds no API key: it was cut; remove it, and make a key with: apier keys create", path)
	}
	return key, nil
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
