-- Gives all names that are known to belong to the object with these names.
-- KEYS: the clock. ARGV: the names.
return all_names(ARGV)
