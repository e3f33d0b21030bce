/**
 * The facts of a comparison with a provider's own figures, stream `reconciliation-{provider}-{firstDay}`: what was imported, and
 * what came of it. The rows themselves stay in the read side; their hash says which they were.
 */
export type ReconciliationEvent = ReconciliationImported | ReconciliationCompared;

export interface ReconciliationImported {
  readonly type: 'ReconciliationImported';
  readonly data: {
    /** SHA-256 of what was asked and of the rows, hex: the same file for the same range is the same reconciliation. */
    readonly reconciliationId: string;
    readonly provider: string;
    /** `yyyy-mm-dd`, both included. */
    readonly firstDay: string;
    readonly lastDay: string;
    readonly rows: number;
    /** SHA-256 of the rows as canonical JSON, hex. */
    readonly rowsHash: string;
    /** By how much costs may differ, in hundredths of a percent of ours. */
    readonly toleranceBasisPoints: number;
  };
}

export interface ReconciliationCompared {
  readonly type: 'ReconciliationCompared';
  readonly data: {
    readonly reconciliationId: string;
    /** Of the store: what came later was not compared. */
    readonly position: string;
    /** Lines by class. */
    readonly counts: Readonly<Record<string, number>>;
    /** SHA-256 of the lines as canonical JSON, hex. */
    readonly linesHash: string;
    /** Nano-credits and nano-dollars, decimal. */
    readonly charged: string;
    readonly providerCost: string;
  };
}

export const reconciliationStream = (provider: string, firstDay: string): string => `reconciliation-${provider}-${firstDay}`;
