export { ReportCatalogue } from './report-catalogue.js';
export { ReportsModule } from './reports.module.js';
