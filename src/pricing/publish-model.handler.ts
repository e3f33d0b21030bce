import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Cause } from '../event-store/envelope.js';
import type { PublishModel } from './domain/publish-model.js';
import { PriceBook, type Publication } from './price-book.js';

export class PublishModelCommand extends Command<Publication> {
  constructor(
    readonly publication: PublishModel,
    readonly cause: Cause,
  ) {
    super();
  }
}

@CommandHandler(PublishModelCommand)
export class PublishModelHandler implements ICommandHandler<PublishModelCommand> {
  constructor(private readonly book: PriceBook) {}

  execute({ publication, cause }: PublishModelCommand): Promise<Publication> {
    return this.book.publish(publication, cause);
  }
}
