import GRDB
import Meter

/// The tables, and how a database of an earlier version becomes one of this version.
///
/// A migration is never changed once it was released; what changes is a new one.
///
/// Names stand as blobs, since SQLite and Swift must agree on bytes: neither folds case nor composes accents.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in try db.execute(sql: version1) }
        migrator.registerMigration("2") { db in try db.execute(sql: version2) }
        migrator.registerMigration("3") { db in try db.execute(sql: version3) }
        migrator.registerMigration("4") { db in
            try db.execute(sql: version4)
            for (name, definition) in try MeterTable.all(db) {
                try Deduplications.write(definition.deduplication, name, db)
            }
        }
        return migrator
    }

    private static let version1 = """
        -- One value under a name: the closed watermark and the like.
        CREATE TABLE setting (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

        -- Meters, customers and log groups by number.
        CREATE TABLE name (id INTEGER PRIMARY KEY, text BLOB NOT NULL UNIQUE);

        CREATE TABLE meter (name INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, label BLOB NOT NULL UNIQUE,
            definition BLOB NOT NULL);
        CREATE TABLE customer (name INTEGER PRIMARY KEY, definition BLOB NOT NULL);

        -- Where records came in, and the figures of each way in.
        CREATE TABLE intake (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name BLOB NOT NULL,
            received INTEGER NOT NULL DEFAULT 0, duplicate INTEGER NOT NULL DEFAULT 0,
            rejected INTEGER NOT NULL DEFAULT 0, last INTEGER, reports INTEGER NOT NULL DEFAULT 0,
            gap INTEGER NOT NULL DEFAULT 0, week INTEGER NOT NULL DEFAULT 0, gapBefore INTEGER NOT NULL DEFAULT 0,
            UNIQUE (kind, name));
        -- An object of a bucket: known by key and ETag, read up to a line.
        CREATE TABLE object (id INTEGER PRIMARY KEY, intake INTEGER NOT NULL, key BLOB NOT NULL, etag BLOB NOT NULL,
            lines INTEGER NOT NULL DEFAULT 0, state INTEGER NOT NULL DEFAULT 0, reason TEXT, time INTEGER NOT NULL,
            UNIQUE (intake, key, etag));

        -- Everything that was received, in the order of its arrival.
        CREATE TABLE record (number INTEGER PRIMARY KEY, received INTEGER NOT NULL, meter INTEGER NOT NULL,
            customer INTEGER NOT NULL, time INTEGER NOT NULL, value BLOB NOT NULL, uniqueId BLOB,
            dimensions BLOB NOT NULL, flags INTEGER NOT NULL, intake INTEGER NOT NULL, object INTEGER,
            logGroup INTEGER, logTime INTEGER, source BLOB);
        CREATE INDEX recordByLogGroup ON record (logGroup, logTime) WHERE logGroup IS NOT NULL;
        -- What is one and the same, by the hour of its time: state 1 a record, 2 a cancel, 3 both.
        CREATE TABLE identity (hour INTEGER, meter INTEGER, customer INTEGER, key BLOB, state INTEGER NOT NULL,
            number INTEGER NOT NULL, cancel INTEGER, PRIMARY KEY (hour, meter, customer, key)) WITHOUT ROWID;
        -- At which hour an identity stands whose time is no part of it.
        CREATE TABLE timeless (meter INTEGER, customer INTEGER, key BLOB, hour INTEGER NOT NULL,
            PRIMARY KEY (meter, customer, key)) WITHOUT ROWID;
        -- What came again.
        CREATE TABLE duplicate (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, received INTEGER NOT NULL,
            intake INTEGER NOT NULL, object INTEGER);
        CREATE INDEX duplicateByNumber ON duplicate (number);

        -- Usage by hour (levels 0, 1) and by day (2, 3), without dimensions (0, 2) and with the declared ones (1, 3).
        CREATE TABLE rollup (level INTEGER, start INTEGER, meter INTEGER, customer INTEGER, dimensions BLOB,
            aggregate BLOB NOT NULL, PRIMARY KEY (level, start, meter, customer, dimensions)) WITHOUT ROWID;
        -- Starts (rank 0) and stops (rank 1) of event_duration meters, in the order of time.
        CREATE TABLE series (meter INTEGER, customer INTEGER, dimensions BLOB, time INTEGER, rank INTEGER,
            number INTEGER, PRIMARY KEY (meter, customer, dimensions, time, rank, number)) WITHOUT ROWID;
        -- How many identities of a meter are in each state, and when its last record came.
        CREATE TABLE tally (meter INTEGER PRIMARY KEY, records INTEGER NOT NULL, cancelled INTEGER NOT NULL,
            cancels INTEGER NOT NULL, last INTEGER, reports INTEGER NOT NULL DEFAULT 0,
            gap INTEGER NOT NULL DEFAULT 0, week INTEGER NOT NULL DEFAULT 0, gapBefore INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE customerTally (customer INTEGER PRIMARY KEY, records INTEGER NOT NULL);
        -- The dimensions that a meter's records have had.
        CREATE TABLE dimension (meter INTEGER, name BLOB, PRIMARY KEY (meter, name)) WITHOUT ROWID;
        -- Keys of records that are no field.
        CREATE TABLE ignoredKey (name BLOB PRIMARY KEY, records INTEGER NOT NULL) WITHOUT ROWID;

        CREATE TABLE reject (id INTEGER PRIMARY KEY, received INTEGER NOT NULL, reason TEXT NOT NULL,
            detail TEXT NOT NULL, line BLOB NOT NULL, format INTEGER NOT NULL, intake INTEGER NOT NULL, object INTEGER,
            logGroup INTEGER, logTime INTEGER, source BLOB, resolved INTEGER);
        CREATE INDEX rejectByReason ON reject (reason, id) WHERE resolved IS NULL;

        CREATE TABLE apiKey (id TEXT PRIMARY KEY, name TEXT NOT NULL, rights TEXT NOT NULL, hash BLOB NOT NULL UNIQUE,
            created INTEGER NOT NULL, used INTEGER, revoked INTEGER);
        CREATE TABLE change (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, who TEXT NOT NULL,
            what TEXT NOT NULL, subject TEXT NOT NULL, before BLOB, after BLOB);
        """

    private static let version2 = """
        -- What audits have found.
        CREATE TABLE audit (id INTEGER PRIMARY KEY, definition BLOB NOT NULL);
        -- Days whose usage stands by hour alone, and the number of the last record that changed it. Days that are not
        -- here have rows on the levels 2 and 3, which all days of version 1 have.
        CREATE TABLE openDay (meter INTEGER, day INTEGER, last INTEGER NOT NULL, PRIMARY KEY (meter, day)) WITHOUT ROWID;
        CREATE INDEX openDayByLast ON openDay (last);
        -- Records in whose place an equal one of an earlier time counts: no identity leads to them.
        CREATE INDEX recordSuperseded ON record (time) WHERE flags & 4 <> 0;
        -- What came in by minute and way in, since this version.
        CREATE TABLE arrival (minute INTEGER, intake INTEGER, received INTEGER NOT NULL, duplicate INTEGER NOT NULL,
            rejected INTEGER NOT NULL, PRIMARY KEY (minute, intake)) WITHOUT ROWID;
        -- Rejects of a range of a log group, as an audit asks for them; and those that wait, as they are counted in groups.
        CREATE INDEX rejectByLogGroup ON reject (logGroup, logTime) WHERE logGroup IS NOT NULL;
        CREATE INDEX rejectByGroup ON reject (reason, intake, logGroup, received) WHERE resolved IS NULL;
        """

    private static let version3 = """
        -- What the doctor has found: the findings apart from the rest, which lists show.
        CREATE TABLE diagnosis (id INTEGER PRIMARY KEY, account BLOB NOT NULL, region BLOB NOT NULL,
            definition BLOB NOT NULL, findings BLOB NOT NULL);
        CREATE INDEX diagnosisByPlace ON diagnosis (account, region, id);
        """

    private static let version4 = """
        -- What a meter's keys are made of, also of a meter that was deleted.
        CREATE TABLE deduplication (meter INTEGER PRIMARY KEY, deduplication TEXT NOT NULL);
        -- What was seen of an identity whose time is no part of it outlives the hour in which it stood.
        ALTER TABLE timeless ADD COLUMN state INTEGER NOT NULL DEFAULT 1;
        UPDATE timeless SET state = coalesce((SELECT i.state FROM identity i WHERE i.hour = timeless.hour
            AND i.meter = timeless.meter AND i.customer = timeless.customer AND i.key = timeless.key), 1);
        -- Starts and stops behind the retention mark, as they are settled when it moves.
        CREATE INDEX seriesByTime ON series (meter, time);
        -- Which database it is, also as a backup: a directory remembers it.
        INSERT INTO setting (name, value) SELECT 'identity', lower(hex(randomblob(16)));
        -- The newest hour of a record that did not come before its time: the retention mark follows it.
        INSERT INTO setting (name, value) SELECT 'newestHour', max(time) / 3600000 FROM record WHERE time <= received
            HAVING max(time) IS NOT NULL;
        -- Usage of hours (levels 4, 5) and days (6, 7) behind the retention mark, which nothing changes any more.
        UPDATE rollup SET level = level + 4 WHERE level IN (0, 1)
            AND start < (SELECT value / 3600000 FROM setting WHERE name = 'closedBefore');
        UPDATE rollup SET level = level + 4 WHERE level IN (2, 3)
            AND start < (SELECT value / 86400000 * 24 FROM setting WHERE name = 'closedBefore');
        -- Rejects that somebody has settled without storing them, and when each came, by which they expire.
        ALTER TABLE reject ADD COLUMN dismissed INTEGER;
        ALTER TABLE reject ADD COLUMN dismissReason TEXT;
        CREATE INDEX rejectByArrival ON reject (received);
        """
}
