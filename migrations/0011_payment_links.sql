-- Where the price of a granted plan that was agreed on is paid; NULL where nothing is to be paid there.
ALTER TABLE grants ADD COLUMN payment_link TEXT;
