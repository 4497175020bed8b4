package sqlite

import "fmt"

// wrap says what was tried; nil stays nil.
func wrap(tried string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", tried, err)
}
