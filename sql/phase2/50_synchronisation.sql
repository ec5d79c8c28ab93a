-- Old and new side by side: what one version of the application writes, the other one reads.
--
-- A fact is one column of one stock row that stock and a legacy table both hold. For each fact:
--
-- * Written to stock, it is given to the legacy row that counts. Written to the legacy row that counts, it is taken into
--   stock. What a statement did not change is not written, whatever columns it names.
-- * All else is as stock says. A row that comes to count, since it is new, has a new date, or the one before it was
--   deleted, is brought up to date from stock: a newer row that says nothing of a fact takes nothing away from it,
--   and a stale one brings nothing back.
-- * Of several legacy rows the newest counts (counting_row). The others are set aside: nothing that is done to them
--   reaches stock. Only a fact that is cleared is cleared in them, too, so that it never comes back.
-- * With the last legacy row go the facts that stock has from there alone: listings, history, reservation.
-- * What stock_metrics holds beside the reservation is computed from stock, whoever wrote it.
--
-- A trigger only says which facts were written. What they are is read after the stock row is locked, since another
-- trigger may have written them again. So the last write wins, and triggers that set each other off end as soon as both
-- sides say the same.
--
-- One statement may write to stock and to several legacy rows. Its triggers fire one by one when all of that is done, and
-- each of them must leave alone what another one is still to say. So those of the legacy tables also look at what was
-- there before the statement (before_lifecycle): what stock lost by it is not taken from a row that is left, and what
-- changed in the row that counts is not overwritten.
--
-- What cannot be answered at once, since the row is just being written, waits (must_wait): until that row is there, or, where
-- a BEFORE trigger forbids the row, until the next write that we see, at the latest the commit. A function in the SET of a
-- statement on a view is not seen to be such: its write to the other side of the same row is refused (SQLSTATE 27000).
--
-- Until the backfill has come to a stock row, what its new columns do not say is said by its legacy rows alone: NULL
-- and the default 0 of such a column are given only where they were written.
--
-- Locks: SHARE ROW EXCLUSIVE on stock and on each legacy table for an instant, one trigger at a time; run again by hand,
--        ACCESS EXCLUSIVE on postponed, too.
-- Again: safe.
--
-- Four settings hold for the transaction. They are set by set_config: only a superuser may give a function a SET clause for
-- a parameter of our own. soleflip.writing is the depth of triggers at which we write ourselves; what other triggers
-- do on the way is deeper, and is carried over. soleflip.postponed is the first row of postponed that is ours to carry over,
-- and how many functions were at work then, soleflip.rounds how often that was tried.
-- soleflip.taking is the side and the depth at which stock takes what the only legacy row says already.
--
-- No trigger has a list of columns, which would not see what a BEFORE trigger changes, nor a condition: PostgreSQL reads
-- a condition anew for each statement, which costs a write to another column 9 us, and the same comparison in the
-- function 5 us, of 28.
--
-- A name that a statement does not qualify is a variable of ours, whatever columns the shop's tables have beside those
-- that we know. No string has a backslash in it: standard_conforming_strings is the writer's.
--
-- Two versions that write the same stock row at the same moment, one through stock and one through a legacy
-- table, lock the two rows in opposite order: PostgreSQL then ends one of them (SQLSTATE 40P01), to be retried.

-- Who writes to either side of a stock row leaves a new version of the stock row, or of its row here. A REPEATABLE READ
-- transaction whose snapshot is older meets that and is refused (SQLSTATE 40001), instead of carrying over what it cannot
-- see. Who adds a stock row whose legacy rows may be there before it leaves one, too: so the two who add them meet.
-- Half of each page is free, so that a new version lies beside the old one and needs no entry in the index.
CREATE TABLE IF NOT EXISTS inventory_ops.stock_trace (
  stock_id uuid PRIMARY KEY
) WITH (fillfactor = 50);

COMMENT ON TABLE inventory_ops.stock_trace IS
  'Stock rows that came, and those to whose legacy rows something was done that changed nothing in stock: each time a new version';

CREATE OR REPLACE FUNCTION inventory_ops.leave_trace(target uuid)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
  INSERT INTO inventory_ops.stock_trace (stock_id)
  VALUES (target)
  ON CONFLICT (stock_id) DO UPDATE SET stock_id = excluded.stock_id;
END
$function$;

-- The home of the order. A query that runs before this function exists, or over all rows at once, spells it the same.
CREATE OR REPLACE FUNCTION inventory_ops.counting_row(legacy text, target uuid)
RETURNS uuid
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
  IF legacy = 'stock_lifecycle' THEN
    RETURN (
      SELECT lifecycle.id
      FROM inventory.stock_lifecycle AS lifecycle
      WHERE lifecycle.stock_id = target
      ORDER BY lifecycle.updated_at DESC NULLS LAST, lifecycle.created_at DESC NULLS LAST, lifecycle.id DESC
      LIMIT 1
    );
  END IF;
  RETURN (
    SELECT financial.id
    FROM inventory.stock_financial AS financial
    WHERE financial.stock_id = target
    ORDER BY financial.updated_at DESC NULLS LAST, financial.created_at DESC NULLS LAST, financial.id DESC
    LIMIT 1
  );
END
$function$;

-- What the legacy rows say of each fact: the newest of them that says anything. Where stock does not know a fact, this
-- is what it takes.
CREATE OR REPLACE FUNCTION inventory_ops.newest_lifecycle(targets uuid[])
RETURNS TABLE (stock_id uuid, shelf_life_days integer, listed_on_platforms jsonb, status_history jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
  RETURN QUERY
  SELECT
    lifecycle.stock_id,
    (
      array_agg(
        lifecycle.shelf_life_days
        ORDER BY lifecycle.updated_at DESC NULLS LAST, lifecycle.created_at DESC NULLS LAST, lifecycle.id DESC
      ) FILTER (WHERE lifecycle.shelf_life_days IS NOT NULL)
    )[1],
    (
      array_agg(
        lifecycle.listed_on_platforms
        ORDER BY lifecycle.updated_at DESC NULLS LAST, lifecycle.created_at DESC NULLS LAST, lifecycle.id DESC
      ) FILTER (WHERE lifecycle.listed_on_platforms IS NOT NULL)
    )[1],
    (
      array_agg(
        lifecycle.status_history
        ORDER BY lifecycle.updated_at DESC NULLS LAST, lifecycle.created_at DESC NULLS LAST, lifecycle.id DESC
      ) FILTER (WHERE lifecycle.status_history IS NOT NULL)
    )[1]
  FROM inventory.stock_lifecycle AS lifecycle
  WHERE lifecycle.stock_id = ANY (targets)
  GROUP BY lifecycle.stock_id;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.newest_financial(targets uuid[])
RETURNS TABLE (
  stock_id uuid,
  purchase_price numeric,
  gross_purchase_price numeric,
  vat_amount numeric,
  profit_per_shelf_day numeric,
  roi numeric
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
  RETURN QUERY
  SELECT
    financial.stock_id,
    (
      array_agg(
        financial.purchase_price
        ORDER BY financial.updated_at DESC NULLS LAST, financial.created_at DESC NULLS LAST, financial.id DESC
      ) FILTER (WHERE financial.purchase_price <> 0)
    )[1],
    (
      array_agg(
        financial.gross_purchase_price
        ORDER BY financial.updated_at DESC NULLS LAST, financial.created_at DESC NULLS LAST, financial.id DESC
      ) FILTER (WHERE financial.gross_purchase_price <> 0)
    )[1],
    (
      array_agg(
        financial.vat_amount
        ORDER BY financial.updated_at DESC NULLS LAST, financial.created_at DESC NULLS LAST, financial.id DESC
      ) FILTER (WHERE financial.vat_amount <> 0)
    )[1],
    (
      array_agg(
        financial.profit_per_shelf_day
        ORDER BY financial.updated_at DESC NULLS LAST, financial.created_at DESC NULLS LAST, financial.id DESC
      ) FILTER (WHERE financial.profit_per_shelf_day IS NOT NULL)
    )[1],
    (
      array_agg(
        financial.roi
        ORDER BY financial.updated_at DESC NULLS LAST, financial.created_at DESC NULLS LAST, financial.id DESC
      ) FILTER (WHERE financial.roi IS NOT NULL)
    )[1]
  FROM inventory.stock_financial AS financial
  WHERE financial.stock_id = ANY (targets)
  GROUP BY financial.stock_id;
END
$function$;

-- What waits until a statement has written its rows. There is nothing in it between transactions.
CREATE TABLE IF NOT EXISTS inventory_ops.postponed (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  call text NOT NULL,
  target uuid NOT NULL,
  writer uuid,
  written text[] NOT NULL,
  learns text[],
  before jsonb
);

COMMENT ON TABLE inventory_ops.postponed IS
  'What the synchronisation has still to carry over in a transaction that is open: empty when all are committed';

-- How many functions of others, which are not of our schema, are between the client and here. PG_CONTEXT names them all, the
-- inner ones first, and each statement on the way but the client's, in the language of the server's messages: of a line only
-- what no translation changes is read. A function in SQL has its name in quotes of whatever kind and a number at the end.
CREATE OR REPLACE FUNCTION inventory_ops.foreign_functions(stack text)
RETURNS integer
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
  RETURN (
    SELECT count(*)
    FROM regexp_split_to_table(stack, chr(10)) AS line
    WHERE CASE
      WHEN line ~ 'PL/[A-Za-z]' THEN line !~ '[[:<:]]inventory_ops"?[.]'
      ELSE line ~ 'SQL[^"]{0,30}[^A-Za-z0-9_ -] ?[^ "()=,.;]+ ?[^A-Za-z0-9_ ][^"=(]*[0-9]$'
    END
  );
END
$function$;

-- A BEFORE trigger of the application, or a function in the SET of its UPDATE, may write to the other side of the row that
-- the statement is about to write. To answer it at once would be to write that row first, which ends the statement
-- (SQLSTATE 27000). So the answer is postponed: to our own trigger of that row, or to the end of the transaction, where
-- that never fires since a BEFORE trigger returned NULL. The same where the client's statement writes to several tables
-- and the BEFORE trigger is of another one.
CREATE OR REPLACE FUNCTION inventory_ops.must_wait(
  stack text, relation regclass, call text, target uuid, writer uuid, written text[], learns text[], before jsonb
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  client CONSTANT text := translate(current_query(), concat(chr(9), chr(10), chr(13)), '   ');
  name CONSTANT text := (SELECT pg_class.relname FROM pg_class WHERE pg_class.oid = relation);
  inner_stack text;
  functions integer := inventory_ops.foreign_functions(stack);
  pending text := coalesce(current_setting('soleflip.postponed', true), '');
  first bigint;
BEGIN
  IF NOT EXISTS (
    SELECT
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
    WHERE pg_trigger.tgrelid IN (
        'inventory.stock'::regclass,
        'inventory.stock_lifecycle'::regclass,
        'inventory.stock_financial'::regclass,
        'inventory.stock_metrics'::regclass
      )
      AND (pg_trigger.tgrelid = relation OR client ~ format('[[:<:]]%s[[:>:]]', name))
      -- BEFORE, for each row.
      AND pg_trigger.tgtype & 3 = 3
      AND pg_proc.pronamespace <> 'inventory_ops'::regnamespace
      AND strpos(stack, quote_ident(pg_proc.proname) || '()') > 0
  ) THEN
    -- Between a statement that writes the table and here: a function that it calls for each row, and no AFTER trigger, which
    -- comes when the rows are written.
    IF client ~* '^( |/[*].*?[*]/)*(with|update|insert|merge|delete)[[:>:]]' THEN
      stack := concat(stack, chr(10), client);
    END IF;
    inner_stack := substring(
      translate(stack, concat(chr(9), chr(10), chr(13)), '   ')
      FROM format(
        '(?i)^(.*?)[[:<:]](update|into|delete +from) +(only +)?("?inventory"?[.])?"?%s"?(?![a-zA-Z0-9_])', name
      )
    );
    -- As it was: with a function in each line.
    IF inner_stack IS NULL OR inventory_ops.foreign_functions(left(stack, length(inner_stack))) = 0 OR EXISTS (
      SELECT
      FROM pg_trigger
      JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid
      WHERE NOT pg_trigger.tgisinternal
        AND pg_proc.pronamespace <> 'inventory_ops'::regnamespace
        AND strpos(inner_stack, quote_ident(pg_proc.proname) || '()') > 0
    ) THEN
      RETURN false;
    END IF;
  END IF;
  -- Else it would be carried over at once.
  SET CONSTRAINTS inventory_ops.soleflip_carry_postponed DEFERRED;
  INSERT INTO inventory_ops.postponed AS one (call, target, writer, written, learns, before)
  VALUES (call, target, writer, array_remove(written, NULL), learns, before)
  RETURNING one.id INTO first;
  IF pending <> '' THEN
    first := split_part(pending, ' ', 1);
    functions := greatest(functions, split_part(pending, ' ', 2)::integer);
  END IF;
  PERFORM set_config('soleflip.postponed', concat(first, ' ', functions), true);
  RETURN true;
END
$function$;

-- Not while a function is still at work that has made it wait: it would be postponed again, once for each row.
CREATE OR REPLACE FUNCTION inventory_ops.carry_postponed(at_last boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  pending CONSTANT text := current_setting('soleflip.postponed');
  first CONSTANT bigint := split_part(pending, ' ', 1);
  stack text;
  rounds CONSTANT integer := coalesce(nullif(current_setting('soleflip.rounds', true), ''), '0')::integer + 1;
  one record;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF NOT at_last AND inventory_ops.foreign_functions(stack) >= split_part(pending, ' ', 2)::integer THEN
    RETURN;
  END IF;
  -- A trigger may write again, and forbid it, at each try to carry over what it wrote. That must end.
  IF rounds > 20 THEN
    RAISE EXCEPTION 'a BEFORE trigger forbids to carry over what it writes'
      USING HINT = 'It writes to the other side of a stock row and returns NULL, each time. Write in an AFTER trigger.';
  END IF;
  PERFORM set_config('soleflip.rounds', rounds::text, true);
  -- What must wait on, for another statement, is postponed again.
  PERFORM set_config('soleflip.postponed', '', true);
  FOR one IN
    WITH carried AS (
      DELETE FROM inventory_ops.postponed
      WHERE postponed.id >= first
      RETURNING
        postponed.id,
        postponed.call,
        postponed.target,
        postponed.writer,
        postponed.written,
        postponed.learns,
        postponed.before
    )
    SELECT carried.call, carried.target, carried.writer, carried.written, carried.learns, carried.before
    FROM carried
    ORDER BY carried.id
  LOOP
    CASE one.call
      WHEN 'give_lifecycle' THEN
        PERFORM inventory_ops.give_lifecycle(one.target, one.written, one.learns);
      WHEN 'give_financial' THEN
        PERFORM inventory_ops.give_financial(one.target, one.written, one.learns);
      WHEN 'give_metrics' THEN
        PERFORM inventory_ops.give_metrics(one.target, one.written);
      WHEN 'take_lifecycle' THEN
        PERFORM inventory_ops.take_lifecycle(one.target, one.writer, one.written, one.before);
      WHEN 'take_financial' THEN
        PERFORM inventory_ops.take_financial(one.target, one.writer, one.written, one.before);
      WHEN 'take_metrics' THEN
        PERFORM inventory_ops.take_metrics(one.target, one.writer, one.written);
    END CASE;
  END LOOP;
  IF current_setting('soleflip.postponed') = '' THEN
    PERFORM set_config('soleflip.rounds', '', true);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.carry_at_last()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF current_setting('soleflip.postponed', true) <> '' THEN
    PERFORM inventory_ops.carry_postponed(at_last => true);
  END IF;
  RETURN NULL;
END
$function$;

-- A constraint trigger has no OR REPLACE.
BEGIN;

DROP TRIGGER IF EXISTS soleflip_carry_postponed ON inventory_ops.postponed;

CREATE CONSTRAINT TRIGGER soleflip_carry_postponed
AFTER INSERT ON inventory_ops.postponed
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION inventory_ops.carry_at_last();

COMMIT;

-- New to old: the legacy row that counts is given what stock says --------------------------------------------------

-- Clears what was written and is missing in stock, in all legacy rows of a stock row. A price that may not be NULL is 0.
CREATE OR REPLACE FUNCTION inventory_ops.clear(legacy text, target uuid, missing text[], written text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  fact text;
BEGIN
  FOREACH fact IN ARRAY written
  LOOP
    IF fact = ANY (missing) THEN
      EXECUTE format(
        'UPDATE inventory.%1$I SET %2$I = %3$s WHERE stock_id = $1 AND %2$I IS DISTINCT FROM %3$s',
        legacy,
        fact,
        CASE WHEN fact IN ('purchase_price', 'gross_purchase_price', 'vat_amount') THEN '0' ELSE 'NULL' END
      )
      USING target;
    END IF;
  END LOOP;
END
$function$;

-- written: the facts that were just written to stock, or cleared. learns: those that the row is given where stock knows
-- them, as a row needs that is new or has just come to count. All others are left alone: the same statement may have
-- written them to the row, whose own trigger is still to come.
CREATE OR REPLACE FUNCTION inventory_ops.give_lifecycle(target uuid, written text[], learns text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  stack text;
  writing_outside text := coalesce(current_setting('soleflip.writing', true), '');
  counting uuid;
  is_new boolean;
  given record;
  altered text[];
  is_dated boolean;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF (strpos(stack, 'function inventory_ops.') = 0 OR strpos(replace(stack, 'function inventory_ops.', ''), 'function ') > 0)
    AND inventory_ops.must_wait(stack, 'inventory.stock_lifecycle', 'give_lifecycle', target, NULL, written, learns, NULL) THEN
    RETURN;
  END IF;
  -- As counting_row has it: to call that takes longer.
  counting := (
    SELECT newest.id FROM inventory.stock_lifecycle AS newest WHERE newest.stock_id = target
    ORDER BY newest.updated_at DESC NULLS LAST, newest.created_at DESC NULLS LAST, newest.id DESC
    LIMIT 1
  );
  -- Only for what needs a row: who deletes it and writes something else of stock, in one statement, wants none.
  is_new := counting IS NULL AND (learns <> '{}' OR written && ARRAY['listed_on_platforms', 'status_history']);
  IF is_new THEN
    learns := '{shelf_life_days,listed_on_platforms,status_history}';
  END IF;
  SELECT
    CASE
      WHEN 'shelf_life_days' = ANY (written) THEN stock.shelf_life_days
      WHEN 'shelf_life_days' = ANY (learns) THEN coalesce(stock.shelf_life_days, lifecycle.shelf_life_days)
      ELSE lifecycle.shelf_life_days
    END AS shelf_life_days,
    CASE
      WHEN 'listed_on_platforms' = ANY (written) THEN stock.listed_on_platforms
      WHEN 'listed_on_platforms' = ANY (learns) THEN coalesce(stock.listed_on_platforms, lifecycle.listed_on_platforms)
      ELSE lifecycle.listed_on_platforms
    END AS listed_on_platforms,
    CASE
      WHEN 'status_history' = ANY (written) THEN stock.status_history
      WHEN 'status_history' = ANY (learns) THEN coalesce(stock.status_history, lifecycle.status_history)
      ELSE lifecycle.status_history
    END AS status_history,
    greatest(lifecycle.updated_at, now()) AS updated_at,
    ARRAY[
      CASE WHEN stock.shelf_life_days IS NULL THEN 'shelf_life_days' END,
      CASE WHEN stock.listed_on_platforms IS NULL THEN 'listed_on_platforms' END,
      CASE WHEN stock.status_history IS NULL THEN 'status_history' END
    ] AS missing
  INTO given
  FROM inventory.stock
  LEFT JOIN inventory.stock_lifecycle AS lifecycle ON lifecycle.stock_id = stock.id AND lifecycle.id = counting
  WHERE stock.id = target;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM inventory_ops.leave_trace(target);
  END IF;

  PERFORM set_config('soleflip.writing', pg_trigger_depth()::text, true);
  IF given.missing && written THEN
    PERFORM inventory_ops.clear('stock_lifecycle', target, given.missing, written);
  END IF;
  IF is_new AND (given.listed_on_platforms IS NOT NULL OR given.status_history IS NOT NULL) THEN
    -- Each column is named: the shop's table need not have defaults. By its id the row is known to be ours (give_way).
    INSERT INTO inventory.stock_lifecycle AS lifecycle (
      id, stock_id, shelf_life_days, listed_on_platforms, status_history, created_at, updated_at
    )
    VALUES (
      overlay(gen_random_uuid()::text PLACING '00000000-501e' FROM 1)::uuid,
      target,
      given.shelf_life_days,
      given.listed_on_platforms,
      given.status_history,
      now(),
      now()
    )
    RETURNING lifecycle.id, array_remove(
      ARRAY[
        CASE WHEN lifecycle.shelf_life_days IS DISTINCT FROM given.shelf_life_days THEN 'shelf_life_days' END,
        CASE WHEN lifecycle.listed_on_platforms IS DISTINCT FROM given.listed_on_platforms THEN 'listed_on_platforms' END,
        CASE WHEN lifecycle.status_history IS DISTINCT FROM given.status_history THEN 'status_history' END
      ],
      NULL
    )
    INTO counting, altered;
  ELSE
    UPDATE inventory.stock_lifecycle AS lifecycle
    SET
      shelf_life_days = given.shelf_life_days,
      listed_on_platforms = given.listed_on_platforms,
      status_history = given.status_history,
      updated_at = given.updated_at
    WHERE lifecycle.stock_id = target
      AND lifecycle.id = counting
      AND (
        lifecycle.shelf_life_days IS DISTINCT FROM given.shelf_life_days
        OR lifecycle.listed_on_platforms IS DISTINCT FROM given.listed_on_platforms
        OR lifecycle.status_history IS DISTINCT FROM given.status_history
      )
    RETURNING array_remove(
      ARRAY[
        CASE WHEN lifecycle.shelf_life_days IS DISTINCT FROM given.shelf_life_days THEN 'shelf_life_days' END,
        CASE WHEN lifecycle.listed_on_platforms IS DISTINCT FROM given.listed_on_platforms THEN 'listed_on_platforms' END,
        CASE WHEN lifecycle.status_history IS DISTINCT FROM given.status_history THEN 'status_history' END
      ],
      NULL
    ), lifecycle.updated_at IS DISTINCT FROM given.updated_at
    INTO altered, is_dated;
  END IF;
  PERFORM set_config('soleflip.writing', writing_outside, true);

  -- A BEFORE trigger of the application had the last word.
  IF altered <> '{}' THEN
    PERFORM inventory_ops.take_lifecycle(target, counting, altered, before => NULL);
  END IF;
  -- It may also have dated rows, this one, which was of the future, or one that was cleared, so that another one has come to
  -- count.
  IF (is_dated OR given.missing && written) AND counting <> inventory_ops.counting_row('stock_lifecycle', target) THEN
    PERFORM inventory_ops.take_lifecycle(target, NULL, '{}', before => NULL);
  END IF;
END
$function$;

-- The three prices of stock_financial may not be NULL: 0 stands for it. Never a new row: stock has all of these columns
-- itself, before and after Phase 2.
CREATE OR REPLACE FUNCTION inventory_ops.give_financial(target uuid, written text[], learns text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  stack text;
  writing_outside text := coalesce(current_setting('soleflip.writing', true), '');
  counting uuid;
  given record;
  altered text[];
  is_dated boolean;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF (strpos(stack, 'function inventory_ops.') = 0 OR strpos(replace(stack, 'function inventory_ops.', ''), 'function ') > 0)
    AND inventory_ops.must_wait(stack, 'inventory.stock_financial', 'give_financial', target, NULL, written, learns, NULL) THEN
    RETURN;
  END IF;
  -- As counting_row has it: to call that takes longer.
  counting := (
    SELECT newest.id FROM inventory.stock_financial AS newest WHERE newest.stock_id = target
    ORDER BY newest.updated_at DESC NULLS LAST, newest.created_at DESC NULLS LAST, newest.id DESC
    LIMIT 1
  );
  SELECT
    CASE
      WHEN 'purchase_price' = ANY (written) THEN coalesce(stock.purchase_price, 0)
      WHEN 'purchase_price' = ANY (learns) THEN coalesce(stock.purchase_price, financial.purchase_price)
      ELSE financial.purchase_price
    END AS purchase_price,
    CASE
      WHEN 'gross_purchase_price' = ANY (written) THEN coalesce(stock.gross_purchase_price, 0)
      WHEN 'gross_purchase_price' = ANY (learns) THEN coalesce(stock.gross_purchase_price, financial.gross_purchase_price)
      ELSE financial.gross_purchase_price
    END AS gross_purchase_price,
    CASE
      WHEN 'vat_amount' = ANY (written) THEN coalesce(stock.vat_amount, 0)
      WHEN 'vat_amount' = ANY (learns) THEN coalesce(stock.vat_amount, financial.vat_amount)
      ELSE financial.vat_amount
    END AS vat_amount,
    CASE
      WHEN 'profit_per_shelf_day' = ANY (written) THEN stock.profit_per_shelf_day
      WHEN 'profit_per_shelf_day' = ANY (learns) THEN coalesce(stock.profit_per_shelf_day, financial.profit_per_shelf_day)
      ELSE financial.profit_per_shelf_day
    END AS profit_per_shelf_day,
    CASE
      WHEN 'roi' = ANY (written) THEN stock.roi_percentage
      WHEN 'roi' = ANY (learns) THEN coalesce(stock.roi_percentage, financial.roi)
      ELSE financial.roi
    END AS roi,
    greatest(financial.updated_at, now()) AS updated_at,
    ARRAY[
      CASE WHEN stock.purchase_price IS NULL THEN 'purchase_price' END,
      CASE WHEN stock.gross_purchase_price IS NULL THEN 'gross_purchase_price' END,
      CASE WHEN stock.vat_amount IS NULL THEN 'vat_amount' END,
      CASE WHEN stock.profit_per_shelf_day IS NULL THEN 'profit_per_shelf_day' END,
      CASE WHEN stock.roi_percentage IS NULL THEN 'roi' END
    ] AS missing
  INTO given
  FROM inventory.stock
  LEFT JOIN inventory.stock_financial AS financial ON financial.stock_id = stock.id AND financial.id = counting
  WHERE stock.id = target;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM inventory_ops.leave_trace(target);
  END IF;

  PERFORM set_config('soleflip.writing', pg_trigger_depth()::text, true);
  IF given.missing && written THEN
    PERFORM inventory_ops.clear('stock_financial', target, given.missing, written);
  END IF;
  UPDATE inventory.stock_financial AS financial
  SET
    purchase_price = given.purchase_price,
    gross_purchase_price = given.gross_purchase_price,
    vat_amount = given.vat_amount,
    profit_per_shelf_day = given.profit_per_shelf_day,
    roi = given.roi,
    updated_at = given.updated_at
  WHERE financial.stock_id = target
    AND financial.id = counting
    AND (
      financial.purchase_price IS DISTINCT FROM given.purchase_price
      OR financial.gross_purchase_price IS DISTINCT FROM given.gross_purchase_price
      OR financial.vat_amount IS DISTINCT FROM given.vat_amount
      OR financial.profit_per_shelf_day IS DISTINCT FROM given.profit_per_shelf_day
      OR financial.roi IS DISTINCT FROM given.roi
    )
  RETURNING array_remove(
    ARRAY[
      CASE WHEN financial.purchase_price IS DISTINCT FROM given.purchase_price THEN 'purchase_price' END,
      CASE WHEN financial.gross_purchase_price IS DISTINCT FROM given.gross_purchase_price THEN 'gross_purchase_price' END,
      CASE WHEN financial.vat_amount IS DISTINCT FROM given.vat_amount THEN 'vat_amount' END,
      CASE WHEN financial.profit_per_shelf_day IS DISTINCT FROM given.profit_per_shelf_day THEN 'profit_per_shelf_day' END,
      CASE WHEN financial.roi IS DISTINCT FROM given.roi THEN 'roi' END
    ],
    NULL
  ), financial.updated_at IS DISTINCT FROM given.updated_at
  INTO altered, is_dated;
  PERFORM set_config('soleflip.writing', writing_outside, true);

  -- A BEFORE trigger of the application had the last word.
  IF altered <> '{}' THEN
    PERFORM inventory_ops.take_financial(target, counting, altered, before => NULL);
  END IF;
  -- It may also have dated rows, this one, which was of the future, or one that was cleared, so that another one has come to
  -- count.
  IF (is_dated OR given.missing && written) AND counting <> inventory_ops.counting_row('stock_financial', target) THEN
    PERFORM inventory_ops.take_financial(target, NULL, '{}', before => NULL);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.give_metrics(target uuid, written text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  stack text;
  writing_outside text := coalesce(current_setting('soleflip.writing', true), '');
  given record;
  counting uuid;
  became integer;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF (strpos(stack, 'function inventory_ops.') = 0 OR strpos(replace(stack, 'function inventory_ops.', ''), 'function ') > 0)
    AND inventory_ops.must_wait(stack, 'inventory.stock_metrics', 'give_metrics', target, NULL, written, NULL, NULL) THEN
    RETURN;
  END IF;
  SELECT
    metrics.id,
    reserved.quantity AS reserved_quantity,
    -- A quantity that is not known counts as nothing.
    coalesce(stock.quantity - reserved.quantity, 0) AS available_quantity,
    stock.gross_purchase_price AS total_cost,
    CASE WHEN stock.roi_percentage > 0 THEN stock.gross_purchase_price * (stock.roi_percentage / 100) END::numeric(15, 2)
      AS expected_profit
  INTO given
  FROM inventory.stock
  -- Two for a moment, where the unique key is deferred.
  LEFT JOIN LATERAL (
    SELECT newest.id, newest.reserved_quantity
    FROM inventory.stock_metrics AS newest
    WHERE newest.stock_id = stock.id
    ORDER BY newest.updated_at DESC NULLS LAST, newest.created_at DESC NULLS LAST, newest.id DESC
    LIMIT 1
  ) AS metrics ON true
  CROSS JOIN LATERAL (
    SELECT
      CASE
        WHEN 'reserved_quantity' = ANY (written) THEN coalesce(stock.reserved_quantity, 0)
        ELSE coalesce(metrics.reserved_quantity, 0)
      END AS quantity
  ) AS reserved
  WHERE stock.id = target;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM inventory_ops.leave_trace(target);
  END IF;
  PERFORM set_config('soleflip.writing', pg_trigger_depth()::text, true);

  counting := given.id;
  IF counting IS NULL AND given.reserved_quantity <> 0 AND 'reserved_quantity' = ANY (written) THEN
    INSERT INTO inventory.stock_metrics AS metrics (
      id,
      stock_id,
      available_quantity,
      reserved_quantity,
      total_cost,
      expected_profit,
      last_calculated_at,
      created_at,
      updated_at
    )
    VALUES (
      overlay(gen_random_uuid()::text PLACING '00000000-501e' FROM 1)::uuid,
      target,
      given.available_quantity,
      given.reserved_quantity,
      given.total_cost,
      given.expected_profit,
      now(),
      now(),
      now()
    )
    RETURNING metrics.id, metrics.reserved_quantity INTO counting, became;
  ELSE
    UPDATE inventory.stock_metrics AS metrics
    SET
      available_quantity = given.available_quantity,
      reserved_quantity = given.reserved_quantity,
      total_cost = given.total_cost,
      expected_profit = given.expected_profit,
      last_calculated_at = now(),
      updated_at = greatest(metrics.updated_at, now())
    WHERE metrics.stock_id = target
      AND metrics.id = counting
      AND (
        metrics.available_quantity IS DISTINCT FROM given.available_quantity
        OR metrics.reserved_quantity IS DISTINCT FROM given.reserved_quantity
        OR metrics.total_cost IS DISTINCT FROM given.total_cost
        OR metrics.expected_profit IS DISTINCT FROM given.expected_profit
      )
    RETURNING metrics.reserved_quantity INTO became;
  END IF;
  PERFORM set_config('soleflip.writing', writing_outside, true);

  -- A BEFORE trigger of the application had the last word.
  IF became <> given.reserved_quantity THEN
    PERFORM inventory_ops.take_metrics(target, counting, '{reserved_quantity}');
  END IF;
  IF given.id IS NULL AND counting IS NOT NULL THEN
    -- Not of what is computed.
    PERFORM inventory_ops.give_metrics(target, '{}');
  END IF;
END
$function$;

-- What becomes of the legacy rows of a stock row that is gone, where a legacy table has no foreign key on stock: they go
-- with it, or follow it to its new id unless that has rows already. Else they would say what stock says no longer. A
-- foreign key of whatever kind decides by itself. The trace meets whoever adds a row meanwhile at a higher isolation level.
CREATE OR REPLACE FUNCTION inventory_ops.hand_down(gone uuid, heir uuid)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  writing_outside text := coalesce(current_setting('soleflip.writing', true), '');
  legacy regclass;
BEGIN
  -- A foreign key that cascades has come before us. To look costs a DELETE 30 us a row; to ask for constraints, 75 us of 155.
  IF current_setting('transaction_isolation') = 'read committed'
    AND NOT EXISTS (SELECT FROM inventory.stock_lifecycle AS lifecycle WHERE lifecycle.stock_id = gone)
    AND NOT EXISTS (SELECT FROM inventory.stock_financial AS financial WHERE financial.stock_id = gone)
    AND NOT EXISTS (SELECT FROM inventory.stock_metrics AS metrics WHERE metrics.stock_id = gone)
  THEN
    RETURN;
  END IF;
  FOR legacy IN
    SELECT mirror.relation
    FROM unnest(
      ARRAY['inventory.stock_lifecycle', 'inventory.stock_financial', 'inventory.stock_metrics']::regclass[]
    ) AS mirror (relation)
    WHERE NOT EXISTS (
      -- A foreign key works by its triggers; one that is not enforced has none.
      SELECT
      FROM pg_trigger
      WHERE pg_trigger.tgrelid = mirror.relation AND pg_trigger.tgconstrrelid = 'inventory.stock'::regclass
    )
  LOOP
    -- Two rows may have exchanged their ids.
    IF heir IS NOT NULL AND EXISTS (SELECT FROM inventory.stock WHERE stock.id = gone) THEN
      RETURN;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
      PERFORM inventory_ops.leave_trace(gone);
    END IF;
    PERFORM set_config('soleflip.writing', pg_trigger_depth()::text, true);
    IF heir IS NOT NULL THEN
      EXECUTE format(
        'UPDATE %1$s SET stock_id = $2 WHERE stock_id = $1 AND NOT EXISTS (SELECT FROM %1$s WHERE stock_id = $2)', legacy
      )
      USING gone, heir;
    END IF;
    EXECUTE format('DELETE FROM %s WHERE stock_id = $1', legacy) USING gone;
    PERFORM set_config('soleflip.writing', writing_outside, true);
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.stock_to_legacy()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  taking text;
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM inventory_ops.hand_down(OLD.id, NULL);
  END IF;

  -- Most writes are about nothing of this: one look is all they pay.
  IF OLD.shelf_life_days IS NOT DISTINCT FROM NEW.shelf_life_days
    AND OLD.listed_on_platforms IS NOT DISTINCT FROM NEW.listed_on_platforms
    AND OLD.status_history IS NOT DISTINCT FROM NEW.status_history
    AND OLD.quantity IS NOT DISTINCT FROM NEW.quantity
    AND OLD.reserved_quantity IS NOT DISTINCT FROM NEW.reserved_quantity
    AND OLD.purchase_price IS NOT DISTINCT FROM NEW.purchase_price
    AND OLD.gross_purchase_price IS NOT DISTINCT FROM NEW.gross_purchase_price
    AND OLD.vat_amount IS NOT DISTINCT FROM NEW.vat_amount
    AND OLD.profit_per_shelf_day IS NOT DISTINCT FROM NEW.profit_per_shelf_day
    AND OLD.roi_percentage IS NOT DISTINCT FROM NEW.roi_percentage
    AND coalesce(current_setting('soleflip.postponed', true), '') = ''
  THEN
    RETURN NULL;
  END IF;

  IF TG_OP = 'UPDATE' AND current_setting('soleflip.writing', true) IS DISTINCT FROM (pg_trigger_depth() - 1)::text THEN
    -- What a take function has from the row that counts it need not give back.
    taking := current_setting('soleflip.taking', true);
    IF (OLD.shelf_life_days IS DISTINCT FROM NEW.shelf_life_days
      OR OLD.listed_on_platforms IS DISTINCT FROM NEW.listed_on_platforms
      OR OLD.status_history IS DISTINCT FROM NEW.status_history)
      AND taking IS DISTINCT FROM concat('lifecycle ', pg_trigger_depth() - 1)
    THEN
      PERFORM inventory_ops.give_lifecycle(
        NEW.id,
        ARRAY[
          CASE WHEN NEW.shelf_life_days IS DISTINCT FROM OLD.shelf_life_days THEN 'shelf_life_days' END,
          CASE WHEN NEW.listed_on_platforms IS DISTINCT FROM OLD.listed_on_platforms THEN 'listed_on_platforms' END,
          CASE WHEN NEW.status_history IS DISTINCT FROM OLD.status_history THEN 'status_history' END
        ],
        learns => '{}'
      );
    END IF;
    IF (OLD.purchase_price IS DISTINCT FROM NEW.purchase_price
      OR OLD.gross_purchase_price IS DISTINCT FROM NEW.gross_purchase_price
      OR OLD.vat_amount IS DISTINCT FROM NEW.vat_amount
      OR OLD.profit_per_shelf_day IS DISTINCT FROM NEW.profit_per_shelf_day
      OR OLD.roi_percentage IS DISTINCT FROM NEW.roi_percentage)
      AND taking IS DISTINCT FROM concat('financial ', pg_trigger_depth() - 1)
    THEN
      PERFORM inventory_ops.give_financial(
        NEW.id,
        ARRAY[
          CASE WHEN NEW.purchase_price IS DISTINCT FROM OLD.purchase_price THEN 'purchase_price' END,
          CASE WHEN NEW.gross_purchase_price IS DISTINCT FROM OLD.gross_purchase_price THEN 'gross_purchase_price' END,
          CASE WHEN NEW.vat_amount IS DISTINCT FROM OLD.vat_amount THEN 'vat_amount' END,
          CASE WHEN NEW.profit_per_shelf_day IS DISTINCT FROM OLD.profit_per_shelf_day THEN 'profit_per_shelf_day' END,
          CASE WHEN NEW.roi_percentage IS DISTINCT FROM OLD.roi_percentage THEN 'roi' END
        ],
        learns => '{}'
      );
    END IF;
    IF OLD.quantity IS DISTINCT FROM NEW.quantity
      OR OLD.reserved_quantity IS DISTINCT FROM NEW.reserved_quantity
      OR OLD.gross_purchase_price IS DISTINCT FROM NEW.gross_purchase_price
      OR OLD.roi_percentage IS DISTINCT FROM NEW.roi_percentage
    THEN
      PERFORM inventory_ops.give_metrics(
        NEW.id,
        ARRAY[CASE WHEN NEW.reserved_quantity IS DISTINCT FROM OLD.reserved_quantity THEN 'reserved_quantity' END]
      );
    END IF;
  END IF;
  IF current_setting('soleflip.postponed', true) <> '' THEN
    PERFORM inventory_ops.carry_postponed();
  END IF;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_stock_to_legacy
AFTER UPDATE OR DELETE ON inventory.stock
FOR EACH ROW EXECUTE FUNCTION inventory_ops.stock_to_legacy();

-- PostgreSQL truncates stock alone where no foreign key hangs on it. Then no legacy row has its stock row any more.
CREATE OR REPLACE FUNCTION inventory_ops.stock_truncated()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  writing_outside text := coalesce(current_setting('soleflip.writing', true), '');
BEGIN
  PERFORM set_config('soleflip.writing', pg_trigger_depth()::text, true);
  DELETE FROM inventory.stock_lifecycle;
  DELETE FROM inventory.stock_financial;
  DELETE FROM inventory.stock_metrics;
  PERFORM set_config('soleflip.writing', writing_outside, true);
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_stock_truncated
AFTER TRUNCATE ON inventory.stock
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.stock_truncated();

-- Whether legacy rows may be there before their stock row: unless foreign keys forbid that at once. Asked once in a
-- transaction, since the catalog is slow to ask.
CREATE OR REPLACE FUNCTION inventory_ops.legacy_may_come_first()
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  answer text := current_setting('soleflip.legacy_may_come_first', true);
BEGIN
  IF coalesce(answer, '') = '' THEN
    answer := (
      SELECT count(DISTINCT pg_trigger.tgrelid) < 3
      FROM pg_trigger
      WHERE pg_trigger.tgrelid IN (
          'inventory.stock_lifecycle'::regclass,
          'inventory.stock_financial'::regclass,
          'inventory.stock_metrics'::regclass
        )
        AND pg_trigger.tgconstrrelid = 'inventory.stock'::regclass
        AND pg_trigger.tgenabled IN ('O', 'A')
        AND NOT pg_trigger.tgdeferrable
        -- At an INSERT.
        AND pg_trigger.tgtype & 4 = 4
    )::text;
    PERFORM set_config('soleflip.legacy_may_come_first', answer, true);
  END IF;
  RETURN answer;
END
$function$;

-- A new stock row, or one with a new id. Its legacy rows may be there before it, where no foreign key forbids that or not
-- before the end of the transaction: they left a trace, and say what it leaves out and did not just clear.
CREATE OR REPLACE FUNCTION inventory_ops.stock_arrived()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  comes_after boolean;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    PERFORM inventory_ops.hand_down(OLD.id, NEW.id);
  END IF;
  IF inventory_ops.legacy_may_come_first() OR current_setting('transaction_isolation') <> 'read committed' THEN
    INSERT INTO inventory_ops.stock_trace AS trace (stock_id)
    VALUES (NEW.id)
    ON CONFLICT (stock_id) DO UPDATE SET stock_id = excluded.stock_id
    -- That of a new row is 0.
    RETURNING trace.xmax <> '0'::xid INTO comes_after;
  END IF;
  IF comes_after THEN
    PERFORM inventory_ops.take_lifecycle(
      NEW.id,
      NEW.id,
      '{}',
      before => jsonb_build_object(
        'stock',
        jsonb_build_object(
          'shelf_life_days', coalesce(NEW.shelf_life_days, OLD.shelf_life_days)::text,
          'listed_on_platforms', coalesce(NEW.listed_on_platforms, OLD.listed_on_platforms)::text,
          'status_history', coalesce(NEW.status_history, OLD.status_history)::text
        )
      )
    );
    PERFORM inventory_ops.take_financial(
      NEW.id,
      NEW.id,
      '{}',
      before => jsonb_build_object(
        'stock',
        jsonb_build_object(
          'purchase_price', coalesce(NEW.purchase_price, OLD.purchase_price)::text,
          'gross_purchase_price', coalesce(NEW.gross_purchase_price, OLD.gross_purchase_price)::text,
          'vat_amount', coalesce(NEW.vat_amount, OLD.vat_amount)::text,
          'profit_per_shelf_day', coalesce(NEW.profit_per_shelf_day, OLD.profit_per_shelf_day)::text,
          'roi', coalesce(NEW.roi_percentage, OLD.roi_percentage)::text
        )
      )
    );
    IF coalesce(NEW.reserved_quantity, 0) = 0 AND coalesce(OLD.reserved_quantity, 0) = 0 THEN
      PERFORM inventory_ops.take_metrics(NEW.id, NEW.id, '{reserved_quantity}');
    END IF;
    PERFORM inventory_ops.give_lifecycle(NEW.id, '{}', learns => '{shelf_life_days,listed_on_platforms,status_history}');
    PERFORM inventory_ops.give_financial(NEW.id, '{}', learns => '{purchase_price,gross_purchase_price,vat_amount,profit_per_shelf_day,roi}');
    PERFORM inventory_ops.give_metrics(NEW.id, '{reserved_quantity}');
  ELSE
    IF NEW.listed_on_platforms IS NOT NULL OR NEW.status_history IS NOT NULL THEN
      PERFORM inventory_ops.give_lifecycle(NEW.id, '{}', learns => '{shelf_life_days,listed_on_platforms,status_history}');
    END IF;
    IF NEW.reserved_quantity <> 0 THEN
      PERFORM inventory_ops.give_metrics(NEW.id, '{reserved_quantity}');
    END IF;
  END IF;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_stock_insert_to_legacy
AFTER INSERT ON inventory.stock
FOR EACH ROW EXECUTE FUNCTION inventory_ops.stock_arrived();

CREATE OR REPLACE TRIGGER soleflip_stock_renamed_to_legacy
AFTER UPDATE OF id ON inventory.stock
FOR EACH ROW
WHEN (OLD.id <> NEW.id)
EXECUTE FUNCTION inventory_ops.stock_arrived();

-- Old to new: stock takes what was written to the legacy row that counts -------------------------------------------

-- What stock and the other legacy rows said before the statement: for a trigger whose function is STABLE. Such a function sees
-- nothing of what the statement changed, while what it calls and is VOLATILE sees all. Where there were no other rows,
-- nothing can be taken from them.
CREATE OR REPLACE FUNCTION inventory_ops.before_lifecycle(target uuid, but uuid)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
  RETURN (
    SELECT jsonb_object_agg(row.name, row.facts)
    FROM (
      SELECT
        lifecycle.id::text AS name,
        jsonb_build_object(
          'shelf_life_days', lifecycle.shelf_life_days::text,
          'listed_on_platforms', lifecycle.listed_on_platforms::text,
          'status_history', lifecycle.status_history::text
        ) AS facts
      FROM inventory.stock_lifecycle AS lifecycle
      WHERE lifecycle.stock_id = target AND lifecycle.id <> but
      UNION ALL
      SELECT
        'stock',
        jsonb_build_object(
          'shelf_life_days', stock.shelf_life_days::text,
          'listed_on_platforms', stock.listed_on_platforms::text,
          'status_history', stock.status_history::text
        )
      FROM inventory.stock
      WHERE stock.id = target
    ) AS row
  );
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.before_financial(target uuid, but uuid)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
  RETURN (
    SELECT jsonb_object_agg(row.name, row.facts)
    FROM (
      SELECT
        financial.id::text AS name,
        jsonb_build_object(
          'purchase_price', financial.purchase_price::text,
          'gross_purchase_price', financial.gross_purchase_price::text,
          'vat_amount', financial.vat_amount::text,
          'profit_per_shelf_day', financial.profit_per_shelf_day::text,
          'roi', financial.roi::text
        ) AS facts
      FROM inventory.stock_financial AS financial
      WHERE financial.stock_id = target AND financial.id <> but
      UNION ALL
      SELECT
        'stock',
        jsonb_build_object(
          'purchase_price', stock.purchase_price::text,
          'gross_purchase_price', stock.gross_purchase_price::text,
          'vat_amount', stock.vat_amount::text,
          'profit_per_shelf_day', stock.profit_per_shelf_day::text,
          'roi', stock.roi_percentage::text
        )
      FROM inventory.stock
      WHERE stock.id = target
    ) AS row
  );
END
$function$;

-- writer: the row that was written, NULL if it is no longer there, the stock row itself if that has just come. Of a row
-- that is set aside stock takes only what neither stock nor a newer row knows. before: what before_lifecycle found, NULL
-- if nobody looked.
--
-- Where there is no stock row, somebody may just be adding one, who has left a trace, too: who comes later waits there
-- for the other one, and then sees the other's row.
CREATE OR REPLACE FUNCTION inventory_ops.take_lifecycle(
  target uuid, writer uuid, written text[], before jsonb
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  taking_outside text := coalesce(current_setting('soleflip.taking', true), '');
  stack text;
  facts CONSTANT text[] := '{shelf_life_days,listed_on_platforms,status_history}';
  held record;
  stated record;
  as_stated boolean;
  changed text[];
  counting uuid;
  several boolean;
  settled text[];
  is_told boolean := false;
  waited boolean := false;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF (strpos(stack, 'function inventory_ops.') = 0 OR strpos(replace(stack, 'function inventory_ops.', ''), 'function ') > 0)
    AND inventory_ops.must_wait(stack, 'inventory.stock', 'take_lifecycle', target, writer, written, NULL, before) THEN
    RETURN;
  END IF;
  LOOP
    SELECT stock.shelf_life_days, stock.listed_on_platforms, stock.status_history INTO held
    FROM inventory.stock
    WHERE stock.id = target
    FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    IF writer IS NULL OR waited THEN
      RETURN;
    END IF;
    PERFORM inventory_ops.leave_trace(target);
    waited := true;
  END LOOP;

  SELECT newest.id, newest.shelf_life_days, newest.listed_on_platforms, newest.status_history, count(*) OVER () AS number INTO stated
  FROM inventory.stock_lifecycle AS newest
  WHERE newest.stock_id = target
  ORDER BY newest.updated_at DESC NULLS LAST, newest.created_at DESC NULLS LAST, newest.id DESC
  LIMIT 1;
  counting := stated.id;
  several := stated.number > 1 OR counting <> writer OR counting IS NOT NULL AND writer IS NULL;
  -- The same statement inserted the row that counts, whose own trigger speaks for the others.
  IF counting IS DISTINCT FROM writer AND NOT before ? counting::text AND (writer IS NULL OR EXISTS (
    SELECT
    FROM inventory.stock_lifecycle AS aside
    JOIN inventory.stock_lifecycle AS lifecycle ON lifecycle.xmin = aside.xmin
    WHERE aside.stock_id = target AND aside.id = writer AND lifecycle.stock_id = target AND lifecycle.id = counting
  )) THEN
    RETURN;
  END IF;
  IF several THEN
    -- Another row may have come to count, and several may have been written at once: what stock neither knows nor knew
    -- before, it takes from the newest that says it. The row that counts may have to tell for itself what changed in it.
    SELECT
      CASE
        WHEN counting = writer AND 'shelf_life_days' = ANY (written) THEN lifecycle.shelf_life_days
        WHEN held.shelf_life_days IS NULL AND before -> 'stock' ->> 'shelf_life_days' IS NULL THEN newest.shelf_life_days
        ELSE held.shelf_life_days
      END AS shelf_life_days,
      CASE
        WHEN counting = writer AND 'listed_on_platforms' = ANY (written) THEN lifecycle.listed_on_platforms
        WHEN held.listed_on_platforms IS NULL AND before -> 'stock' ->> 'listed_on_platforms' IS NULL THEN newest.listed_on_platforms
        ELSE held.listed_on_platforms
      END AS listed_on_platforms,
      CASE
        WHEN counting = writer AND 'status_history' = ANY (written) THEN lifecycle.status_history
        WHEN held.status_history IS NULL AND before -> 'stock' ->> 'status_history' IS NULL THEN newest.status_history
        ELSE held.status_history
      END AS status_history,
      array_remove(
        ARRAY[
          CASE WHEN was.said ->> 'shelf_life_days' IS NOT DISTINCT FROM lifecycle.shelf_life_days::text THEN 'shelf_life_days' END,
          CASE WHEN was.said ->> 'listed_on_platforms' IS NOT DISTINCT FROM lifecycle.listed_on_platforms::text THEN 'listed_on_platforms' END,
          CASE WHEN was.said ->> 'status_history' IS NOT DISTINCT FROM lifecycle.status_history::text THEN 'status_history' END
        ],
        NULL
      ) AS untouched
    INTO stated
    FROM inventory_ops.newest_lifecycle(ARRAY[target]) AS newest
    JOIN inventory.stock_lifecycle AS lifecycle ON lifecycle.stock_id = target AND lifecycle.id = counting
    CROSS JOIN LATERAL (SELECT before -> counting::text AS said) AS was;
    settled := CASE
      WHEN counting = writer THEN written
      WHEN before IS NULL THEN facts
      ELSE stated.untouched
    END;
    written := facts;
  ELSE
    IF writer IS NOT NULL AND counting IS NULL THEN
      -- A trigger has deleted it.
      written := '{}';
    END IF;
    is_told := (held.shelf_life_days IS NOT NULL AND stated.shelf_life_days IS NULL AND 'shelf_life_days' <> ALL (written))
      OR (held.listed_on_platforms IS NOT NULL AND stated.listed_on_platforms IS NULL AND 'listed_on_platforms' <> ALL (written))
      OR (held.status_history IS NOT NULL AND stated.status_history IS NULL AND 'status_history' <> ALL (written));
  END IF;
  IF several IS NOT TRUE THEN
    PERFORM set_config('soleflip.taking', concat('lifecycle ', pg_trigger_depth()), true);
  END IF;
  UPDATE inventory.stock
  SET
    shelf_life_days = CASE
      WHEN 'shelf_life_days' = ANY (written) THEN stated.shelf_life_days
      ELSE stock.shelf_life_days
    END,
    listed_on_platforms = CASE
      WHEN 'listed_on_platforms' = ANY (written) THEN stated.listed_on_platforms
      ELSE stock.listed_on_platforms
    END,
    status_history = CASE
      WHEN 'status_history' = ANY (written) THEN stated.status_history
      ELSE stock.status_history
    END
  WHERE stock.id = target
    AND (
      ('shelf_life_days' = ANY (written) AND stock.shelf_life_days IS DISTINCT FROM stated.shelf_life_days)
      OR ('listed_on_platforms' = ANY (written)
        AND stock.listed_on_platforms IS DISTINCT FROM stated.listed_on_platforms)
      OR ('status_history' = ANY (written) AND stock.status_history IS DISTINCT FROM stated.status_history)
    )
  RETURNING
    stock.shelf_life_days IS NOT DISTINCT FROM CASE WHEN 'shelf_life_days' = ANY (written) THEN stated.shelf_life_days ELSE held.shelf_life_days END
    AND stock.listed_on_platforms IS NOT DISTINCT FROM CASE WHEN 'listed_on_platforms' = ANY (written) THEN stated.listed_on_platforms ELSE held.listed_on_platforms END
    AND stock.status_history IS NOT DISTINCT FROM CASE WHEN 'status_history' = ANY (written) THEN stated.status_history ELSE held.status_history END,
    ARRAY[
      CASE WHEN stock.shelf_life_days IS DISTINCT FROM held.shelf_life_days THEN 'shelf_life_days' END,
      CASE WHEN stock.listed_on_platforms IS DISTINCT FROM held.listed_on_platforms THEN 'listed_on_platforms' END,
      CASE WHEN stock.status_history IS DISTINCT FROM held.status_history THEN 'status_history' END
    ]
  INTO as_stated, changed;
  IF NOT FOUND THEN
    PERFORM inventory_ops.leave_trace(target);
  END IF;
  PERFORM set_config('soleflip.taking', taking_outside, true);
  IF several THEN
    PERFORM inventory_ops.give_lifecycle(target, settled, learns => CASE WHEN counting = writer THEN written ELSE '{}' END);
  -- A BEFORE trigger of the application had the last word, or a new row is to learn what else stock knows.
  ELSIF as_stated IS NOT TRUE OR is_told THEN
    PERFORM inventory_ops.give_lifecycle(target, written || changed, learns => facts);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.take_financial(
  target uuid, writer uuid, written text[], before jsonb
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  taking_outside text := coalesce(current_setting('soleflip.taking', true), '');
  stack text;
  facts CONSTANT text[] := '{purchase_price,gross_purchase_price,vat_amount,profit_per_shelf_day,roi}';
  held record;
  stated record;
  as_stated boolean;
  changed text[];
  counting uuid;
  several boolean;
  settled text[];
  is_told boolean := false;
  waited boolean := false;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF (strpos(stack, 'function inventory_ops.') = 0 OR strpos(replace(stack, 'function inventory_ops.', ''), 'function ') > 0)
    AND inventory_ops.must_wait(stack, 'inventory.stock', 'take_financial', target, writer, written, NULL, before) THEN
    RETURN;
  END IF;
  LOOP
    SELECT
      stock.purchase_price,
      stock.gross_purchase_price,
      stock.vat_amount,
      stock.profit_per_shelf_day,
      stock.roi_percentage
    INTO held
    FROM inventory.stock
    WHERE stock.id = target
    FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    IF writer IS NULL OR waited THEN
      RETURN;
    END IF;
    PERFORM inventory_ops.leave_trace(target);
    waited := true;
  END LOOP;

  SELECT newest.id, newest.purchase_price, newest.gross_purchase_price, newest.vat_amount, newest.profit_per_shelf_day, newest.roi, count(*) OVER () AS number INTO stated
  FROM inventory.stock_financial AS newest
  WHERE newest.stock_id = target
  ORDER BY newest.updated_at DESC NULLS LAST, newest.created_at DESC NULLS LAST, newest.id DESC
  LIMIT 1;
  counting := stated.id;
  several := stated.number > 1 OR counting <> writer OR counting IS NOT NULL AND writer IS NULL;
  -- The same statement inserted the row that counts, whose own trigger speaks for the others.
  IF counting IS DISTINCT FROM writer AND NOT before ? counting::text AND (writer IS NULL OR EXISTS (
    SELECT
    FROM inventory.stock_financial AS aside
    JOIN inventory.stock_financial AS financial ON financial.xmin = aside.xmin
    WHERE aside.stock_id = target AND aside.id = writer AND financial.stock_id = target AND financial.id = counting
  )) THEN
    RETURN;
  END IF;
  IF several THEN
    -- Another row may have come to count, and several may have been written at once: what stock neither knows nor knew
    -- before, it takes from the newest that says it. The row that counts may have to tell for itself what changed in it.
    SELECT
      CASE
        WHEN counting = writer AND 'purchase_price' = ANY (written) THEN financial.purchase_price
        WHEN held.purchase_price IS NULL AND before -> 'stock' ->> 'purchase_price' IS NULL THEN newest.purchase_price
        ELSE held.purchase_price
      END AS purchase_price,
      CASE
        WHEN counting = writer AND 'gross_purchase_price' = ANY (written) THEN financial.gross_purchase_price
        WHEN held.gross_purchase_price IS NULL AND before -> 'stock' ->> 'gross_purchase_price' IS NULL THEN newest.gross_purchase_price
        ELSE held.gross_purchase_price
      END AS gross_purchase_price,
      CASE
        WHEN counting = writer AND 'vat_amount' = ANY (written) THEN financial.vat_amount
        WHEN held.vat_amount IS NULL AND before -> 'stock' ->> 'vat_amount' IS NULL THEN newest.vat_amount
        ELSE held.vat_amount
      END AS vat_amount,
      CASE
        WHEN counting = writer AND 'profit_per_shelf_day' = ANY (written) THEN financial.profit_per_shelf_day
        WHEN held.profit_per_shelf_day IS NULL AND before -> 'stock' ->> 'profit_per_shelf_day' IS NULL THEN newest.profit_per_shelf_day
        ELSE held.profit_per_shelf_day
      END AS profit_per_shelf_day,
      CASE
        WHEN counting = writer AND 'roi' = ANY (written) THEN financial.roi
        WHEN held.roi_percentage IS NULL AND before -> 'stock' ->> 'roi' IS NULL THEN newest.roi
        ELSE held.roi_percentage
      END AS roi,
      array_remove(
        ARRAY[
          CASE WHEN was.said ->> 'purchase_price' IS NOT DISTINCT FROM financial.purchase_price::text THEN 'purchase_price' END,
          CASE WHEN was.said ->> 'gross_purchase_price' IS NOT DISTINCT FROM financial.gross_purchase_price::text THEN 'gross_purchase_price' END,
          CASE WHEN was.said ->> 'vat_amount' IS NOT DISTINCT FROM financial.vat_amount::text THEN 'vat_amount' END,
          CASE WHEN was.said ->> 'profit_per_shelf_day' IS NOT DISTINCT FROM financial.profit_per_shelf_day::text THEN 'profit_per_shelf_day' END,
          CASE WHEN was.said ->> 'roi' IS NOT DISTINCT FROM financial.roi::text THEN 'roi' END
        ],
        NULL
      ) AS untouched
    INTO stated
    FROM inventory_ops.newest_financial(ARRAY[target]) AS newest
    JOIN inventory.stock_financial AS financial ON financial.stock_id = target AND financial.id = counting
    CROSS JOIN LATERAL (SELECT before -> counting::text AS said) AS was;
    settled := CASE
      WHEN counting = writer THEN written
      WHEN before IS NULL THEN facts
      ELSE stated.untouched
    END;
    written := facts;
  ELSE
    IF writer IS NOT NULL AND counting IS NULL THEN
      -- A trigger has deleted it.
      written := '{}';
    END IF;
    is_told := (held.profit_per_shelf_day IS NOT NULL AND stated.profit_per_shelf_day IS NULL AND 'profit_per_shelf_day' <> ALL (written))
      OR (held.roi_percentage IS NOT NULL AND stated.roi IS NULL AND 'roi' <> ALL (written));
  END IF;
  IF several IS NOT TRUE THEN
    PERFORM set_config('soleflip.taking', concat('financial ', pg_trigger_depth()), true);
  END IF;
  UPDATE inventory.stock
  SET
    -- The 0 of a price is no news where stock has NULL.
    purchase_price = CASE
      WHEN 'purchase_price' = ANY (written) AND coalesce(stock.purchase_price, 0) <> coalesce(stated.purchase_price, 0)
        THEN stated.purchase_price
      ELSE stock.purchase_price
    END,
    gross_purchase_price = CASE
      WHEN 'gross_purchase_price' = ANY (written)
        AND coalesce(stock.gross_purchase_price, 0) <> coalesce(stated.gross_purchase_price, 0)
        THEN stated.gross_purchase_price
      ELSE stock.gross_purchase_price
    END,
    vat_amount = CASE
      WHEN 'vat_amount' = ANY (written) AND coalesce(stock.vat_amount, 0) <> coalesce(stated.vat_amount, 0)
        THEN stated.vat_amount
      ELSE stock.vat_amount
    END,
    profit_per_shelf_day = CASE
      WHEN 'profit_per_shelf_day' = ANY (written) THEN stated.profit_per_shelf_day
      ELSE stock.profit_per_shelf_day
    END,
    roi_percentage = CASE WHEN 'roi' = ANY (written) THEN stated.roi ELSE stock.roi_percentage END
  WHERE stock.id = target
    AND (
      ('purchase_price' = ANY (written) AND coalesce(stock.purchase_price, 0) <> coalesce(stated.purchase_price, 0))
      OR ('gross_purchase_price' = ANY (written)
        AND coalesce(stock.gross_purchase_price, 0) <> coalesce(stated.gross_purchase_price, 0))
      OR ('vat_amount' = ANY (written) AND coalesce(stock.vat_amount, 0) <> coalesce(stated.vat_amount, 0))
      OR ('profit_per_shelf_day' = ANY (written)
        AND stock.profit_per_shelf_day IS DISTINCT FROM stated.profit_per_shelf_day)
      OR ('roi' = ANY (written) AND stock.roi_percentage IS DISTINCT FROM stated.roi)
    )
  RETURNING
    CASE WHEN 'purchase_price' = ANY (written) THEN coalesce(stock.purchase_price, 0) = coalesce(stated.purchase_price, 0) ELSE stock.purchase_price IS NOT DISTINCT FROM held.purchase_price END
    AND CASE WHEN 'gross_purchase_price' = ANY (written) THEN coalesce(stock.gross_purchase_price, 0) = coalesce(stated.gross_purchase_price, 0) ELSE stock.gross_purchase_price IS NOT DISTINCT FROM held.gross_purchase_price END
    AND CASE WHEN 'vat_amount' = ANY (written) THEN coalesce(stock.vat_amount, 0) = coalesce(stated.vat_amount, 0) ELSE stock.vat_amount IS NOT DISTINCT FROM held.vat_amount END
    AND stock.profit_per_shelf_day IS NOT DISTINCT FROM CASE WHEN 'profit_per_shelf_day' = ANY (written) THEN stated.profit_per_shelf_day ELSE held.profit_per_shelf_day END
    AND stock.roi_percentage IS NOT DISTINCT FROM CASE WHEN 'roi' = ANY (written) THEN stated.roi ELSE held.roi_percentage END,
    ARRAY[
      CASE WHEN stock.purchase_price IS DISTINCT FROM held.purchase_price THEN 'purchase_price' END,
      CASE WHEN stock.gross_purchase_price IS DISTINCT FROM held.gross_purchase_price THEN 'gross_purchase_price' END,
      CASE WHEN stock.vat_amount IS DISTINCT FROM held.vat_amount THEN 'vat_amount' END,
      CASE WHEN stock.profit_per_shelf_day IS DISTINCT FROM held.profit_per_shelf_day THEN 'profit_per_shelf_day' END,
      CASE WHEN stock.roi_percentage IS DISTINCT FROM held.roi_percentage THEN 'roi' END
    ]
  INTO as_stated, changed;
  IF NOT FOUND THEN
    PERFORM inventory_ops.leave_trace(target);
  END IF;
  PERFORM set_config('soleflip.taking', taking_outside, true);
  IF several THEN
    PERFORM inventory_ops.give_financial(target, settled, learns => CASE WHEN counting = writer THEN written ELSE '{}' END);
  -- A BEFORE trigger of the application had the last word, or a new row is to learn what else stock knows.
  ELSIF as_stated IS NOT TRUE OR is_told THEN
    PERFORM inventory_ops.give_financial(target, written || changed, learns => facts);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION inventory_ops.take_metrics(target uuid, writer uuid, written text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  stack text;
  reserved integer;
  became integer;
  waited boolean := false;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF (strpos(stack, 'function inventory_ops.') = 0 OR strpos(replace(stack, 'function inventory_ops.', ''), 'function ') > 0)
    AND inventory_ops.must_wait(stack, 'inventory.stock', 'take_metrics', target, writer, written, NULL, NULL) THEN
    RETURN;
  END IF;
  LOOP
    PERFORM FROM inventory.stock WHERE stock.id = target FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    IF writer IS NULL OR waited THEN
      RETURN;
    END IF;
    PERFORM inventory_ops.leave_trace(target);
    waited := true;
  END LOOP;

  -- Without a row nothing is reserved.
  SELECT newest.reserved_quantity INTO reserved
  FROM inventory.stock_metrics AS newest
  WHERE newest.stock_id = target
  ORDER BY newest.updated_at DESC NULLS LAST, newest.created_at DESC NULLS LAST, newest.id DESC
  LIMIT 1;
  reserved := coalesce(reserved, 0);
  UPDATE inventory.stock
  SET reserved_quantity = reserved
  WHERE stock.id = target
    AND stock.reserved_quantity IS DISTINCT FROM reserved
    AND 'reserved_quantity' = ANY (written)
  RETURNING stock.reserved_quantity INTO became;
  IF NOT FOUND THEN
    PERFORM inventory_ops.leave_trace(target);
  END IF;
  IF became IS DISTINCT FROM reserved THEN
    PERFORM inventory_ops.give_metrics(target, written);
  END IF;
END
$function$;

-- A row that is gone or has moved away takes along what stock has from it alone, unless other rows are left. What a new
-- or moved row says is written; of a row that stayed, what differs.
CREATE OR REPLACE FUNCTION inventory_ops.lifecycle_to_stock()
RETURNS trigger
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF current_setting('soleflip.writing', true) IS DISTINCT FROM (pg_trigger_depth() - 1)::text THEN
    IF OLD.stock_id IS DISTINCT FROM NEW.stock_id AND TG_OP <> 'INSERT' THEN
      PERFORM inventory_ops.take_lifecycle(
        OLD.stock_id, NULL, '{listed_on_platforms,status_history}', before => CASE
          WHEN EXISTS (SELECT FROM inventory.stock_lifecycle AS other WHERE other.stock_id = OLD.stock_id AND other.id <> OLD.id)
            THEN inventory_ops.before_lifecycle(OLD.stock_id, OLD.id)
          ELSE '{}'
        END
      );
      OLD.shelf_life_days := NULL;
      OLD.listed_on_platforms := NULL;
      OLD.status_history := NULL;
    END IF;
    IF TG_OP <> 'DELETE' THEN
      PERFORM inventory_ops.take_lifecycle(
        NEW.stock_id,
        NEW.id,
        array_remove(
          ARRAY[
            CASE WHEN NEW.shelf_life_days IS DISTINCT FROM OLD.shelf_life_days THEN 'shelf_life_days' END,
            CASE WHEN NEW.listed_on_platforms IS DISTINCT FROM OLD.listed_on_platforms THEN 'listed_on_platforms' END,
            CASE WHEN NEW.status_history IS DISTINCT FROM OLD.status_history THEN 'status_history' END
          ],
          NULL
        ),
        before => CASE
          WHEN EXISTS (SELECT FROM inventory.stock_lifecycle AS other WHERE other.stock_id = NEW.stock_id AND other.id <> NEW.id)
            THEN inventory_ops.before_lifecycle(NEW.stock_id, NEW.id)
          ELSE '{}'
        END
      );
    END IF;
  END IF;
  IF current_setting('soleflip.postponed', true) <> '' THEN
    PERFORM inventory_ops.carry_postponed();
  END IF;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_lifecycle_to_stock
AFTER INSERT OR UPDATE OR DELETE ON inventory.stock_lifecycle
FOR EACH ROW EXECUTE FUNCTION inventory_ops.lifecycle_to_stock();

CREATE OR REPLACE FUNCTION inventory_ops.financial_to_stock()
RETURNS trigger
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF current_setting('soleflip.writing', true) IS DISTINCT FROM (pg_trigger_depth() - 1)::text THEN
    IF OLD.stock_id IS DISTINCT FROM NEW.stock_id AND TG_OP <> 'INSERT' THEN
      PERFORM inventory_ops.take_financial(
        OLD.stock_id, NULL, '{}', before => CASE
          WHEN EXISTS (SELECT FROM inventory.stock_financial AS other WHERE other.stock_id = OLD.stock_id AND other.id <> OLD.id)
            THEN inventory_ops.before_financial(OLD.stock_id, OLD.id)
          ELSE '{}'
        END
      );
      OLD.purchase_price := NULL;
      OLD.gross_purchase_price := NULL;
      OLD.vat_amount := NULL;
      OLD.profit_per_shelf_day := NULL;
      OLD.roi := NULL;
    END IF;
    IF TG_OP <> 'DELETE' THEN
      PERFORM inventory_ops.take_financial(
        NEW.stock_id,
        NEW.id,
        array_remove(
          ARRAY[
            CASE WHEN NEW.purchase_price IS DISTINCT FROM OLD.purchase_price THEN 'purchase_price' END,
            CASE WHEN NEW.gross_purchase_price IS DISTINCT FROM OLD.gross_purchase_price THEN 'gross_purchase_price' END,
            CASE WHEN NEW.vat_amount IS DISTINCT FROM OLD.vat_amount THEN 'vat_amount' END,
            CASE WHEN NEW.profit_per_shelf_day IS DISTINCT FROM OLD.profit_per_shelf_day THEN 'profit_per_shelf_day' END,
            CASE WHEN NEW.roi IS DISTINCT FROM OLD.roi THEN 'roi' END
          ],
          NULL
        ),
        before => CASE
          WHEN EXISTS (SELECT FROM inventory.stock_financial AS other WHERE other.stock_id = NEW.stock_id AND other.id <> NEW.id)
            THEN inventory_ops.before_financial(NEW.stock_id, NEW.id)
          ELSE '{}'
        END
      );
    END IF;
  END IF;
  IF current_setting('soleflip.postponed', true) <> '' THEN
    PERFORM inventory_ops.carry_postponed();
  END IF;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_financial_to_stock
AFTER INSERT OR UPDATE OR DELETE ON inventory.stock_financial
FOR EACH ROW EXECUTE FUNCTION inventory_ops.financial_to_stock();

CREATE OR REPLACE FUNCTION inventory_ops.metrics_to_stock()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF current_setting('soleflip.writing', true) IS DISTINCT FROM (pg_trigger_depth() - 1)::text THEN
    IF OLD.stock_id IS DISTINCT FROM NEW.stock_id AND TG_OP <> 'INSERT' THEN
      PERFORM inventory_ops.take_metrics(OLD.stock_id, NULL, '{reserved_quantity}');
      OLD.reserved_quantity := NULL;
    END IF;
    IF TG_OP <> 'DELETE' THEN
      PERFORM inventory_ops.take_metrics(
        NEW.stock_id,
        NEW.id,
        CASE WHEN NEW.reserved_quantity IS DISTINCT FROM OLD.reserved_quantity THEN ARRAY['reserved_quantity'] ELSE '{}' END
      );
    END IF;
  END IF;
  IF current_setting('soleflip.postponed', true) <> '' THEN
    PERFORM inventory_ops.carry_postponed();
  END IF;
  RETURN NULL;
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_metrics_to_stock
AFTER INSERT OR UPDATE OR DELETE ON inventory.stock_metrics
FOR EACH ROW EXECUTE FUNCTION inventory_ops.metrics_to_stock();

-- A version that writes to both sides adds its own legacy row after we have added ours: ours gives way, as if it had never
-- been there. Not to an INSERT with ON CONFLICT, which counts on the row that it meets. DO NOTHING looks like a plain
-- INSERT to a trigger, and only the statement's text tells them apart: that of the innermost function, else that of the client,
-- else what the client prepared. Where none says it, as with a function in SQL, ours gives way in the transaction that
-- added it; later the INSERT is refused, as beside any other row.
-- By its name the trigger comes last: others may write to stock, and make us add a row.
CREATE OR REPLACE FUNCTION inventory_ops.give_way()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  writing_outside text := coalesce(current_setting('soleflip.writing', true), '');
  stack text;
  statement text;
  is_upsert boolean;
  is_plain boolean;
BEGIN
  IF writing_outside = (pg_trigger_depth() - 1)::text THEN
    RETURN NEW;
  END IF;
  GET DIAGNOSTICS stack = PG_CONTEXT;
  -- Between the line of this function and that of the one which has the statement.
  statement := split_part(substr(concat(stack, chr(10)), strpos(concat(stack, chr(10)), chr(10)) + 1), concat(chr(10), 'PL/'), 1);
  IF statement = '' THEN
    statement := translate(current_query(), concat(chr(9), chr(10), chr(13)), '   ');
    statement := coalesce(
      (
        SELECT prepared.statement
        FROM pg_prepared_statements AS prepared
        WHERE prepared.name = trim(substring(statement FROM '(?i)^ *execute +("[^"]+"|[^ (;"]+)'), '"')
      ),
      statement
    );
  END IF;
  statement := translate(statement, concat(chr(9), chr(10), chr(13)), '   ');
  is_upsert := statement ~* '[[:<:]]on +conflict[[:>:]]';
  -- Whoever is adding ours at this moment is waited for, also who adds the stock row with it.
  PERFORM FROM inventory.stock WHERE stock.id = NEW.stock_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM inventory_ops.leave_trace(NEW.stock_id);
  END IF;
  is_plain := statement ~* '[[:<:]](insert|copy)[[:>:]]'
    AND EXISTS (
      SELECT
      FROM pg_index
      JOIN pg_attribute ON pg_attribute.attrelid = pg_index.indrelid AND pg_attribute.attnum = pg_index.indkey[0]
      WHERE pg_index.indrelid = TG_RELID
        AND pg_index.indisunique
        AND pg_index.indnkeyatts = 1
        AND pg_attribute.attname = 'stock_id'
    );
  PERFORM set_config('soleflip.writing', pg_trigger_depth()::text, true);
  IF TG_TABLE_NAME = 'stock_metrics' THEN
    DELETE FROM inventory.stock_metrics AS ours
    WHERE ours.stock_id = NEW.stock_id
      AND ours.id::text LIKE '00000000-501e-%'
      AND NOT is_upsert
      AND (ours.created_at = now() OR is_plain);
  ELSE
    DELETE FROM inventory.stock_lifecycle AS ours
    WHERE ours.stock_id = NEW.stock_id
      AND ours.id::text LIKE '00000000-501e-%'
      AND NOT is_upsert
      AND (ours.created_at = now() OR is_plain);
  END IF;
  PERFORM set_config('soleflip.writing', writing_outside, true);
  RETURN NEW;
END
$function$;

CREATE OR REPLACE TRIGGER zz_soleflip_give_way
BEFORE INSERT ON inventory.stock_lifecycle
FOR EACH ROW EXECUTE FUNCTION inventory_ops.give_way();

CREATE OR REPLACE TRIGGER zz_soleflip_give_way
BEFORE INSERT ON inventory.stock_metrics
FOR EACH ROW EXECUTE FUNCTION inventory_ops.give_way();

-- What no row-by-row rule can carry over -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION inventory_ops.refuse_legacy_truncation()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RAISE EXCEPTION 'inventory.% mirrors inventory.stock until it is retired and cannot be truncated', TG_TABLE_NAME
    USING HINT = 'Delete the rows you mean with DELETE; retire the table with: soleflip drop-legacy.';
END
$function$;

CREATE OR REPLACE TRIGGER soleflip_refuse_truncation
BEFORE TRUNCATE ON inventory.stock_financial
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.refuse_legacy_truncation();

CREATE OR REPLACE TRIGGER soleflip_refuse_truncation
BEFORE TRUNCATE ON inventory.stock_lifecycle
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.refuse_legacy_truncation();

CREATE OR REPLACE TRIGGER soleflip_refuse_truncation
BEFORE TRUNCATE ON inventory.stock_metrics
FOR EACH STATEMENT EXECUTE FUNCTION inventory_ops.refuse_legacy_truncation();

-- A trigger function that anybody may call works, with its owner's rights, for triggers on tables of their own.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA inventory_ops FROM PUBLIC;
