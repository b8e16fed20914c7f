/** Name of the log of writes in the state folder; its presence says that there is something to keep right. */
export const writeLogName = 'configured-clients.json';
