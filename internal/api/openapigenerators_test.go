package api

import (
	"slices"
	"strings"
	"testing"
)

// FAULTS F4: what generators of clients stumble over. tests/outsiders runs four of them and compiles
// what they make; these are the rules behind it.

// One name is one type in the code of a generator, whatever section of the document it stands in.
func TestNamesOfTheDocumentDoNotCollide(t *testing.T) {
	t.Parallel()
	d, tree := readDocument(t)
	taken := map[string]string{}
	claim := func(name, where string) {
		name = strings.ToLower(name)
		if other, ok := taken[name]; ok {
			t.Errorf("%s has the name of %s", where, other)
		}
		taken[name] = where
	}
	components := tree["components"].(map[string]any)
	for _, section := range []string{"schemas", "parameters", "responses"} {
		for name := range components[section].(map[string]any) {
			claim(name, section+" "+name)
		}
	}
	for _, path := range d.Paths {
		for _, op := range path.Value.operations() {
			claim(op.ID, "operation "+op.ID)
		}
	}
	// Generators name an enum within a type after both: Delivery.status is DeliveryStatus.
	for name, schema := range components["schemas"].(map[string]any) {
		properties, _ := schema.(map[string]any)["properties"].(map[string]any)
		for member, of := range properties {
			if of.(map[string]any)["enum"] != nil {
				claim(name+strings.ReplaceAll(member, "_", ""), "the enum "+name+"."+member)
			}
		}
	}
}

// A type is one, or one and null: no language has a type that is an array or an object.
func TestTypesOfTheDocumentAreOne(t *testing.T) {
	t.Parallel()
	_, tree := readDocument(t)
	found := 0
	walk(tree, func(node map[string]any) {
		types := schemaTypes(node)
		found += len(types)
		if len(types) > 2 || len(types) == 2 && !slices.Contains(types, "null") {
			t.Errorf("a schema is %v: %v", types, node["description"])
		}
	})
	if found < 100 {
		t.Errorf("only %d types were found", found)
	}
}

// An object without properties is read as one that has none, unless it says that it takes any.
func TestFreeObjectsOfTheDocumentSaySo(t *testing.T) {
	t.Parallel()
	_, tree := readDocument(t)
	payloads := 0
	walk(tree, func(node map[string]any) {
		if !slices.Contains(schemaTypes(node), "object") || node["properties"] != nil {
			return
		}
		payloads++
		if node["additionalProperties"] == nil || node["additionalProperties"] == false {
			t.Errorf("an object takes nothing: %v", node["description"])
		}
	})
	if payloads == 0 {
		t.Error("no free object was found")
	}
}
