/** A variable of a server or a runtime; none of them may configure a thread that is configured by the editor. */
const foreign = ['HOST', 'PORT', 'NODE_ENV', 'NODE_OPTIONS', 'ELECTRON_RUN_AS_NODE'];

/** The environment of the server thread; its proxy variables count where the editor's settings say nothing. */
export function toWorkerEnvironment(inherited: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const environment = { ...inherited };
  for (const name of foreign) delete environment[name];
  return environment;
}
