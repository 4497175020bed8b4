module github.com/apier/apier

go 1.26

ignore ./frontend/node_modules
