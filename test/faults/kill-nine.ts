/** The long form of kill-nine.test.ts: 200 kills, or as many as the first argument says; the second is a seed. */
import { runKillRounds } from "./kill-rounds.ts";

const [rounds = "200", seed = String(Math.floor(Math.random() * 1e9))] = process.argv.slice(2);
console.log(`seed ${seed}`);
const report = await runKillRounds({
  rounds: Number(rounds),
  seed: Number(seed),
  progress: (round, facts) => {
    if (round % 10 === 0) console.log(`round ${round}: ${JSON.stringify(facts)}`);
  },
});
console.log(JSON.stringify(report));
console.log(`${rounds} kills survived`);
