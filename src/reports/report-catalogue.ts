import type { Report } from '../kernel/report.js';

/** Which reports there are; bound where both sides meet. */
export abstract class ReportCatalogue {
  abstract list(): readonly Report[];

  /** @param list asked each time, so that the reports may be made after the catalogue */
  static of(list: () => readonly Report[]): ReportCatalogue {
    return new ListedReports(list);
  }

  find(name: string): Report | undefined {
    return this.list().find((report) => report.name === name);
  }
}

class ListedReports extends ReportCatalogue {
  constructor(readonly list: () => readonly Report[]) {
    super();
  }
}
