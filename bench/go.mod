module github.com/apier/apier/bench

go 1.26.0

require github.com/apier/apier v0.0.0

replace github.com/apier/apier => ../
