/** Requests at a steady pace, by clients that keep their connection and by clients that do not; every failure is kept. */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LoadOptions {
  readonly port: number;
  readonly host: string;
  readonly perSecond: number;
  /** Clients with a connection of their own, which they keep; as many requests again come by new ones. */
  readonly keepAlive: number;
}

export interface Load {
  readonly forMs: (ms: number) => Promise<void>;
  readonly stop: () => Promise<{ readonly asked: number; readonly failures: readonly string[] }>;
}

/** Starts asking; runs until `stop`, which waits for all answers. */
export function startLoad({ port, host, perSecond, keepAlive }: LoadOptions): Load {
  const agents = Array.from({ length: keepAlive }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const failures: string[] = [];
  const answers: Promise<void>[] = [];
  const timer = setInterval(() => {
    const agent = answers.length % 2 === 0 ? agents[(answers.length / 2) % keepAlive] : undefined;
    answers.push(
      once({ port, host, agent: agent ?? false }).then((problem) => void (problem && failures.push(problem))),
    );
  }, 1000 / perSecond);
  return {
    forMs: async (ms) => await sleep(ms),
    stop: async () => {
      clearInterval(timer);
      await Promise.all(answers);
      for (const agent of agents) agent.destroy();
      return { asked: answers.length, failures };
    },
  };
}

/** What went wrong, or nothing. */
async function once({ port, host, agent }: { port: number; host: string; agent: Agent | false }): Promise<string> {
  return await new Promise((resolve) => {
    request({ host: '127.0.0.1', port, headers: { host }, agent, timeout: 10_000 }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode === 200 ? '' : `answered ${response.statusCode}`));
    })
      .on('error', (error) => resolve(error.message))
      .on('timeout', () => resolve('no answer'))
      .end();
  });
}
