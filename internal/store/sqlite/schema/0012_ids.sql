-- ids: how numbers that count over all tenants are told, see ids.go. The server fills it in when it opens the database.
ALTER TABLE meta ADD COLUMN ids BLOB;
