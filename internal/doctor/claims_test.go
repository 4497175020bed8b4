package doctor

import "testing"

// The doctor reads a token as the server does: a claim spelled otherwise is none.
func TestTheDoctorReadsExactClaims(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]claims{
		`{"sub":"u","exp":5.5,"x":{}}`:                    {Sub: "u", Exp: 5.5},
		`{"SUB":"root","sub":"u","EXP":9,"Nbf":9}`:        {Sub: "u"},
		`{"tenant":"t","Tenant":"other","nbf":1,"exp":2}`: {Tenant: "t", Nbf: 1, Exp: 2},
		`{"\u017fub":"root","sub":null,"tenant":null}`:    {},
	} {
		if got, err := readClaims([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{`{"exp":1,"exp":2}`, `{"exp":"1"}`, `[]`, ``} {
		if got, err := readClaims([]byte(text)); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}
