package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/server"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/sqlite"
)

// keysCmd works on the database itself, beside a running server or without one.
type keysCmd struct {
	Create createKeyCmd `cmd:"" help:"Make a key and print it, once."`
	List   listKeysCmd  `cmd:"" help:"List keys; the keys themselves are not stored."`
	Revoke revokeKeyCmd `cmd:"" help:"End a key for good, and with it the tokens made from it, within seconds."`
}

type keysOptions struct {
	Data   string `default:"./data" help:"Directory of the server's data." placeholder:"DIR"`
	Tenant string `default:"default" help:"Tenant of the keys." placeholder:"NAME"`
}

func (o keysOptions) open(ctx context.Context) (store.Store, error) {
	if err := checkTenant(o.Tenant); err != nil {
		return nil, err
	}
	path, err := server.FindDatabase(o.Data)
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, path, store.Options{})
}

type createKeyCmd struct {
	keysOptions `embed:""`
	Name        string   `default:"" help:"What the key is for." placeholder:"TEXT"`
	Scopes      []string `default:"events:read,events:write" help:"events:read, events:write, admin." placeholder:"SCOPE"`
}

// checkTenant refuses no name at all: tokens of it, and of its keys, would count as those of the tenant default.
func checkTenant(name string) error {
	if name == "" {
		return errors.New("--tenant is empty; name one, or leave it out for default")
	}
	if strings.ContainsFunc(name, unicode.IsControl) { // others may be of a tenant from before the rule of checkName
		return fmt.Errorf("--tenant %q must be one line of text", name)
	}
	return nil
}

const maxKeyName = 200 // bytes

// checkName refuses what would break the lines of a list, or a terminal, or look like another name.
func checkName(flag, text string) error {
	if problem := apier.NameProblem(text, maxKeyName); problem != "" {
		return fmt.Errorf("--%s %q %s", flag, text, problem)
	}
	return nil
}

func checkScopes(scopes []string) error {
	for _, scope := range scopes {
		if !slices.Contains(auth.AllScopes(), scope) {
			return fmt.Errorf("--scopes has %q; there are %s", scope, strings.Join(auth.AllScopes(), ", "))
		}
	}
	return nil
}

// Run makes a key.
func (c *createKeyCmd) Run(ctx context.Context, out io.Writer) error {
	if err := errors.Join(checkName("name", c.Name), checkName("tenant", c.Tenant), checkScopes(c.Scopes)); err != nil {
		return err
	}
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	key := auth.GenerateKey()
	stored, err := s.CreateKey(ctx, apier.TenantID(c.Tenant), auth.Describe(key, norm.NFC.String(c.Name), c.Scopes))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n%s, tenant %s, scopes %s. The key is shown once.\n", key, stored.ID, stored.Tenant, strings.Join(stored.Scopes, " "))
	return err
}

type listKeysCmd struct {
	keysOptions `embed:""`
}

// Run lists keys.
func (c *listKeysCmd) Run(ctx context.Context, out io.Writer) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	keys, err := s.Keys(ctx, apier.TenantID(c.Tenant))
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tENDS IN\tNAME\tSCOPES\tCREATED\tREVOKED")
	for _, k := range keys {
		revoked := "-"
		if k.RevokedAt != 0 {
			revoked = k.RevokedAt.String()
		}
		fmt.Fprintf(table, "%s\t…%s\t%s\t%s\t%s\t%s\n", k.ID, k.Hint, apier.ShownName(k.Name), strings.Join(k.Scopes, " "), k.CreatedAt, revoked)
	}
	return table.Flush()
}

type revokeKeyCmd struct {
	keysOptions `embed:""`
	ID          string `arg:"" help:"The key's id, key_…, from: apier keys list."`
}

// Run revokes a key.
func (c *revokeKeyCmd) Run(ctx context.Context, out io.Writer) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	err = s.RevokeKey(ctx, apier.TenantID(c.Tenant), c.ID)
	if apier.AsError(err).Code == apier.CodeNotFound {
		return fmt.Errorf("tenant %s has no key %q; apier keys list shows those there are (--tenant for another's)", c.Tenant, c.ID)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is revoked.\n", c.ID)
	return err
}
