import { describe, expect, test } from '@jest/globals';
import { RowSet } from '../../projections/runtime/row-set.js';

interface Row {
  readonly a: string;
  readonly b: string;
  readonly n: number;
}

const given = (...stored: Row[]): RowSet<Row> => {
  const rows = new RowSet<Row>('table', ['a', 'b']);
  rows.name({ a: '1', b: '1' });
  rows.name({ a: '1', b: '2' });
  rows.load(stored);
  return rows;
};

describe('the rows of a batch', () => {
  test('shows what is stored, and then what was put', () => {
    const rows = given({ a: '1', b: '1', n: 1 });
    expect(rows.get({ a: '1', b: '1' })).toEqual({ a: '1', b: '1', n: 1 });
    expect(rows.find({ a: '1', b: '2' })).toBeUndefined();
    rows.put({ a: '1', b: '1', n: 2 });
    expect(rows.get({ a: '1', b: '1' })).toEqual({ a: '1', b: '1', n: 2 });
  });

  test('tells what was changed, and nothing that was only read', () => {
    const rows = given({ a: '1', b: '1', n: 1 }, { a: '1', b: '2', n: 1 });
    rows.get({ a: '1', b: '1' });
    rows.put({ a: '1', b: '2', n: 2 });
    expect(rows.changes()).toEqual({ inserts: [], updates: [{ a: '1', b: '2', n: 2 }], deletes: [] });
  });

  test('tells rows that are new from those that are stored', () => {
    const rows = given({ a: '1', b: '1', n: 1 });
    rows.put({ a: '1', b: '1', n: 2 });
    rows.put({ a: '1', b: '2', n: 2 });
    rows.delete({ a: '1', b: '1' });
    rows.put({ a: '1', b: '1', n: 3 });
    expect(rows.changes()).toEqual({
      inserts: [{ a: '1', b: '2', n: 2 }],
      updates: [{ a: '1', b: '1', n: 3 }],
      deletes: [],
    });
  });

  test('deletes what is stored, and forgets what came and went within the batch', () => {
    const rows = given({ a: '1', b: '1', n: 1 });
    rows.delete({ a: '1', b: '1' });
    rows.put({ a: '1', b: '2', n: 2 });
    rows.delete({ a: '1', b: '2' });
    expect(rows.changes()).toEqual({ inserts: [], updates: [], deletes: [{ a: '1', b: '1' }] });
  });

  test('takes back what one event has changed, and no more', () => {
    const rows = given({ a: '1', b: '1', n: 1 });
    const [first, second] = [rows.name({ a: '1', b: '1' }), rows.name({ a: '1', b: '2' })];
    rows.begin(1);
    rows.show(first);
    rows.put({ a: '1', b: '1', n: 2 });
    rows.begin(2);
    rows.show(first);
    rows.show(second);
    rows.put({ a: '1', b: '1', n: 3 });
    rows.delete({ a: '1', b: '1' });
    rows.put({ a: '1', b: '2', n: 4 });
    rows.takeBack();
    expect(rows.find({ a: '1', b: '2' })).toBeUndefined();
    expect(rows.changes()).toEqual({ inserts: [], updates: [{ a: '1', b: '1', n: 2 }], deletes: [] });
    rows.takeBack();
    expect(rows.changes().updates).toEqual([{ a: '1', b: '1', n: 2 }]);
  });

  test('shows an event the rows that it has named itself, not those of others in its batch', () => {
    const rows = given({ a: '1', b: '1', n: 1 }, { a: '1', b: '2', n: 2 });
    rows.begin(1);
    rows.show(rows.name({ a: '1', b: '2' }));
    expect(rows.get({ a: '1', b: '2' }).n).toBe(2);
    expect(() => rows.find({ a: '1', b: '1' })).toThrow('the event does not name row table (1, 1)');
    expect(() => rows.put({ a: '1', b: '1', n: 3 })).toThrow('the event does not name row table (1, 1)');
  });

  test('shows an event all rows that it has named, however many', () => {
    const rows = new RowSet<Row>('table', ['a', 'b']);
    const named = Array.from({ length: 20 }, (_, n) => rows.name({ a: '1', b: `${n}` }));
    rows.load(named.map((_, n) => ({ a: '1', b: `${n}`, n })));
    rows.begin(1);
    for (const row of named) rows.show(row);
    expect(named.map((_, n) => rows.get({ a: '1', b: `${n}` }).n)).toEqual(named.map((_, n) => n));
    rows.begin(2);
    expect(() => rows.find({ a: '1', b: '0' })).toThrow('the event does not name row table (1, 0)');
    expect(() => rows.find({ a: '1', b: '19' })).toThrow('the event does not name row table (1, 19)');
  });

  test('refuses a row that no event names, so that a fold cannot read what was not loaded', () => {
    expect(() => given().find({ a: '2', b: '1' })).toThrow('the event does not name row table (2, 1)');
  });
});
