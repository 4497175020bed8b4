package api

import "testing"

func TestCellsThatBeginLikeAFormulaAreGuarded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx",
		"＝1+1": "'＝1+1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x", "﹦1": "'﹦1", "−1": "'−1",
		" =1": "' =1", "\u200b＝1": "'\u200b＝1", "\u3000＝1": "'\u3000＝1",
		"": "", "order.created": "order.created", "a=b": "a=b", "日本": "日本", "\xff": "\xff", " ": " ",
	} {
		if got := cell(text); got != want {
			t.Errorf("cell(%q) is %q, want %q", text, got, want)
		}
	}
}
